import type { Config } from '../config.ts';
import { createRenewal } from '../credentials/renewal.ts';
import { createSession } from '../credentials/session.ts';
import type { CreateClient } from '../huawei/http.ts';
import { createMarkAsRead, createOsmCall, createPacedSend } from '../huawei/mark-as-read.ts';
import { createLook } from '../huawei/messages.ts';
import { createPace } from '../huawei/pace.ts';
import { createUnreadCount } from '../huawei/read-only.ts';
import { parseReceipt } from '../receipt/receipt.ts';
import { createRedactor } from '../redact.ts';
import type { CreateQueue } from '../sqs/queue.ts';
import type { Telemetry } from '../telemetry.ts';
import { createBreaker } from './breaker.ts';
import { createLate, decide } from './late.ts';
import { createRelay } from './relay.ts';
import { createSettle } from './settle.ts';

const SAMPLE = JSON.stringify({ case_id: 'CN1', read_at: '2026-01-31T09:30:00Z' });

/** The world outside: HTTP endpoints (OSM, IAM, STS, the secret store), queues, logs and metrics. */
interface Outside {
  createClient: CreateClient;
  createQueue: CreateQueue;
  telemetry: Telemetry;
}

/**
 * Puts the parts of mark-as-read together, once per cold start. The handler and the check-up give it the real
 * outside, the simulation its models.
 */
export const compose = (config: Config, { createClient, createQueue, telemetry }: Outside) => {
  const redactor = createRedactor([config.aws.keys.secretAccessKey, config.aws.keys.sessionToken]);
  const client = createClient(config.osmEndpoint, config.requestTimeoutMs);
  const renewal = createRenewal(config, { createClient, host: client.host, redactor, telemetry });
  const session = createSession({ renewal, headers: config.headers, redactor });
  const pace = createPace(config.maxRequestsPerSecond);
  const send = createPacedSend({ client, pace, telemetry });
  const call = createOsmCall({ send, session, headers: config.headers });
  const source = createQueue(config.queueUrl);
  const deadLetters = createQueue(config.deadLetterQueueUrl);
  const { redact } = redactor;
  const look = createLook({ call, redact });
  const relay = createRelay({
    late: createLate({ mark: createMarkAsRead(call, redact), look, config }),
    session,
    breaker: createBreaker(telemetry),
    settle: createSettle({ source, deadLetters, limits: config, redactor, telemetry }),
    telemetry,
    config,
  });
  const caseParts = { look, countUnread: createUnreadCount(call), decide, config };
  const prepare = async () => {
    const ready = session.prepare(each => send(each, { signal: new AbortController().signal }));
    // Meanwhile nothing runs: what reads and logs the first receipts is compiled now, not while they wait.
    parseReceipt(SAMPLE);
    telemetry.log.info('function.started', { credentials: config.credentialsFrom.store });
    await ready;
  };
  return { relay, session, prepare, redactor, source, deadLetters, caseParts };
};
