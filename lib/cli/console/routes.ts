import { type Context, Hono } from 'hono';
import { html } from 'hono/html';
import { tell } from '../screen/output.ts';
import type { Place } from '../stage.ts';
import { readForm } from './form.ts';
import type { Guard } from './guard.ts';
import { glancePage } from './pages/at-a-glance.ts';
import { assets, layout, type View } from './pages/layout.ts';
import { gonePage, letterPage, lettersPage } from './pages/letters.ts';
import { replayPage, runPage, workPage } from './pages/replay.ts';
import { progressWords, type Runs } from './replay.ts';

interface Parts {
  place: Place;
  stage: string | undefined;
  guard: Guard;
  runs: Runs;
}

/** The page's routes, behind the guard. */
export const createApp = ({ place, stage, guard, runs }: Parts) => {
  const { source, deadLetters } = place;
  const app = new Hono();
  const viewOf = (): View => ({ stage, place: place.name, token: guard.token, seen: runs.seen() });
  const askedOf = async ({ req }: Context) =>
    readForm(req.method === 'GET' ? req.query() : await req.parseBody());

  app.use(guard.guard);
  for (const [name, type, text] of assets)
    app.get(`/${name}`, context => context.body(text, 200, { 'Content-Type': `${type}; charset=utf-8` }));

  app.get('/', async context => {
    const work = runs.work();
    if (work?.what === 'Looking') return context.html(workPage(viewOf(), work));
    const [receipts, dead] = await Promise.all([source.depth(), deadLetters.depth()]);
    return context.html(glancePage(viewOf(), { receipts, dead }));
  });
  app.get('/letters', async context =>
    context.html(lettersPage(viewOf(), await askedOf(context), Number(context.req.query('page')) || 1)),
  );
  app.get('/letters/:id', context => {
    const letter = runs.seen().letters.find(({ messageId }) => messageId === context.req.param('id'));
    return letter ? context.html(letterPage(viewOf(), letter)) : context.html(gonePage(viewOf()), 404);
  });
  // Asked for by a link it has the letters alone; sent as a form the repair too, and shows what comes of it.
  app.on(['GET', 'POST'], '/replay', async context =>
    context.html(replayPage(viewOf(), await askedOf(context), context.req.method === 'POST')),
  );

  app.post('/run', async context => {
    const asked = await askedOf(context);
    const busy = runs.work();
    if (busy) {
      const wrong = `${busy.what} is under way: wait for its end, or stop it.`;
      return context.html(replayPage(viewOf(), asked, true, wrong), 409);
    }
    if (asked.wrong) return context.html(replayPage(viewOf(), asked, true), 400);
    runs.start(asked, (await context.req.parseBody()).dry === 'yes');
    return context.redirect('/run', 303);
  });
  app.get('/run', context => {
    const [work, run] = [runs.work(), runs.run()];
    if (work && work.what !== 'Looking') return context.html(workPage(viewOf(), work));
    return run ? context.html(runPage(viewOf(), run)) : context.redirect('/', 303);
  });
  app.get('/progress', context => {
    const work = runs.work();
    const far = work && { done: work.scanned, expected: work.expected, words: progressWords(work) };
    return context.json({ state: runs.state(), ...far });
  });
  app.post('/stop', context => {
    const isLook = runs.work()?.what === 'Looking';
    runs.stop();
    return context.redirect(isLook ? '/' : '/run', 303);
  });
  app.post('/look', context => {
    runs.look();
    return context.redirect('/', 303);
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
