import { readFileSync } from 'node:fs';
import { type Context, Hono } from 'hono';
import { html } from 'hono/html';
import { filterSchema } from '../../dead-letters/request.ts';
import { type Repair, repairSchema } from '../../receipt/repair.ts';
import { time } from '../options.ts';
import { tell } from '../screen/output.ts';
import type { Place } from '../stage.ts';
import type { Guard } from './guard.ts';
import type { Runs } from './look-and-replay.ts';
import { gone, layout, letterPage, letters, overview, type View } from './pages.ts';
import { FIELDS, repairPage, runPage } from './repair-pages.ts';
import type { Choice } from './seen.ts';

const asset = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');

type Fields = Record<string, unknown>;
const textOf = (fields: Fields, name: string): string | undefined => {
  const value = fields[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** The choice that a query or a form names; or what is wrong with it, in words. */
const choiceOf = (fields: Fields): { choice: Choice; wrong?: string } => {
  const reason = textOf(fields, 'reason');
  const when = (name: string) => {
    const value = textOf(fields, name);
    return value === undefined ? undefined : time(value, undefined);
  };
  const code = textOf(fields, 'code');
  try {
    const named = {
      failure_code: code && [code],
      case_id: textOf(fields, 'case'),
      after: when('after'),
      before: when('before'),
    };
    const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
    if (Object.keys(given).length === 0) return { choice: { filter: {}, reason } };
    const read = filterSchema.safeParse(given);
    if (read.success) return { choice: { filter: read.data, reason } };
    return {
      choice: { filter: {}, reason },
      wrong: read.error.issues.map(({ message }) => message).join('; '),
    };
  } catch (error) {
    return { choice: { filter: {}, reason }, wrong: (error as Error).message };
  }
};

const repairOf = (fields: Fields): { set: Repair; wrong?: string } => {
  const wanted: Record<string, string | null> = {};
  for (const field of FIELDS) {
    const how = textOf(fields, `how_${field}`);
    if (how === 'unset') wanted[field] = null;
    if (how === 'set') wanted[field] = textOf(fields, `to_${field}`) ?? '';
  }
  const result = repairSchema.safeParse(wanted);
  if (result.success) return { set: result.data };
  return {
    set: wanted,
    wrong: result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '),
  };
};

/** The page's routes, behind the guard. */
export const createApp = ({
  place,
  stage,
  guard,
  runs,
}: {
  place: Place;
  stage: string | undefined;
  guard: Guard;
  runs: Runs;
}) => {
  const { source, deadLetters } = place;
  const app = new Hono();
  const viewOf = (): View => ({ stage, place: place.name, token: guard.token, seen: runs.seen() });
  const fieldsOf = async ({ req }: Context): Promise<Fields> =>
    req.method === 'GET' ? req.query() : req.parseBody();

  app.use(guard.guard);
  app.get('/style.css', context =>
    context.body(asset('style.css'), 200, { 'Content-Type': 'text/css; charset=utf-8' }),
  );
  app.get('/page.js', context =>
    context.body(asset('page.js'), 200, { 'Content-Type': 'text/javascript; charset=utf-8' }),
  );

  app.get('/', async context => {
    if (runs.run()?.what === 'Looking') return context.redirect('/run', 303);
    const [receipts, dead] = await Promise.all([source.depth(), deadLetters.depth()]);
    return context.html(overview(viewOf(), { receipts, dead }));
  });
  app.get('/letters', async context => {
    const fields = await fieldsOf(context);
    const { choice, wrong } = choiceOf(fields);
    return context.html(letters(viewOf(), choice, Number(textOf(fields, 'page')) || 1, wrong));
  });
  app.get('/letters/:id', context => {
    const letter = runs.seen().letters.find(({ messageId }) => messageId === context.req.param('id'));
    return letter ? context.html(letterPage(viewOf(), letter)) : context.html(gone(viewOf()), 404);
  });
  app.get('/replay', async context => {
    const { choice, wrong } = choiceOf(await fieldsOf(context));
    return context.html(repairPage(viewOf(), choice, undefined, '', wrong));
  });
  app.post('/preview', async context => {
    const fields = await fieldsOf(context);
    const [{ choice, wrong }, repaired] = [choiceOf(fields), repairOf(fields)];
    return context.html(
      repairPage(viewOf(), choice, repaired.set, textOf(fields, 'rate'), wrong ?? repaired.wrong),
    );
  });
  app.post('/run', async context => {
    const fields = await fieldsOf(context);
    const [{ choice, wrong }, repaired] = [choiceOf(fields), repairOf(fields)];
    const rate = textOf(fields, 'rate') ?? '';
    const bad =
      wrong ??
      repaired.wrong ??
      (/^\d{0,6}$/.test(rate) && rate !== '0'
        ? undefined
        : 'The rate must be a whole number of messages a second.');
    const busy = runs.run();
    if (busy?.isRunning)
      return context.html(
        repairPage(
          viewOf(),
          choice,
          repaired.set,
          rate,
          `${busy.what} is under way: wait for its end, or stop it.`,
        ),
        409,
      );
    if (bad) return context.html(repairPage(viewOf(), choice, repaired.set, rate, bad), 400);
    void runs.start(choice, repaired.set, rate, textOf(fields, 'dry') === 'yes');
    return context.redirect('/run', 303);
  });
  app.get('/run', context => {
    const run = runs.run();
    if (!run || (run.what === 'Looking' && !run.isRunning && !run.trouble)) return context.redirect('/', 303);
    return context.html(runPage(viewOf(), run));
  });
  app.post('/stop', context => {
    runs.run()?.stop();
    return context.redirect('/run', 303);
  });
  app.post('/look', context => {
    void runs.look();
    return context.redirect('/run', 303);
  });
  app.notFound(context =>
    context.html(layout(viewOf(), 'Not here', html`<p>There is no such page.</p>`), 404),
  );
  app.onError((error, context) => {
    tell(error.message);
    return context.text(`${error.message}\n`, 500);
  });
  return app;
};
