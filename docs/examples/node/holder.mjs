// A Lambda function that connects to MySQL only while it holds a slot.
//
// In its package: mysql2, and AWS's global-bundle.pem (or another file of roots).
// In its environment: COUNTER_FUNCTION, POOL_NAME, SECRET_ARN, and DB_CA: the roots' path, or "off".

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import mysql from "mysql2";

// All times are in milliseconds. The lease outlives its holder by GRACE, and in it nothing is said to
// the server any more; the server ends a session that is silent for IDLE; MARGIN is kept of the
// holder's time, for closing the connection and giving the slot back.
const GRACE = 5_000;
const IDLE = 2_000;
const MARGIN = 1_000;
// How a server refuses a password: 1045, and on MariaDB also 1698, where the account has a second way to log in.
const REFUSED = [1045, 1698];

// The counter answers within 5 s or not at all. An invoke may be repeated: it names the same lease.
const aws = { maxAttempts: 2, requestHandler: { connectionTimeout: 2_000, requestTimeout: 6_000 } };
const lambda = new LambdaClient(aws);
const secrets = new SecretsManagerClient(aws);

// The counter said no: nothing was connected. Come back after `retryAfter`.
export class NoSlot extends Error {
  constructor(reason, retryAfter) {
    super(reason);
    this.retryAfter = retryAfter;
  }
}

// One invoke of the counter. An error is no answer: do not connect.
async function ask(request) {
  const payload = JSON.stringify({ RDBMSName: process.env.POOL_NAME, ...request });
  const invoke = new InvokeCommand({ FunctionName: process.env.COUNTER_FUNCTION, Payload: payload });
  const answer = await lambda.send(invoke);
  const said = JSON.parse(answer.Payload.transformToString());
  if (answer.FunctionError) throw new Error(`counter: ${said.errorType}: ${said.errorMessage}`);
  return said;
}

// A lease, and the time that it leaves.
class Slot {
  lease = randomBytes(6).toString("base64url");
  // No connection is open under it.
  vacant = true;
  // The lease's life is counted from the moment it is asked for, by whichever clock moves further: the
  // monotonic one may stand still while the instance is frozen.
  #monotonic = performance.now();
  #wall = Date.now();

  constructor(time) {
    this.ttl = Math.min(Math.ceil(time / 1_000) * 1_000 + GRACE, 960_000);
    this.work = Math.min(time, this.ttl - GRACE) - MARGIN;
  }

  elapsed() {
    return Math.max(performance.now() - this.#monotonic, Date.now() - this.#wall);
  }

  // Time in which something may be said to the server.
  workLeft() {
    const left = Math.floor(this.work - this.elapsed());
    if (left <= 0) throw new Error("no time left under this slot");
    return left;
  }

  // Time that a statement may take, if the session is to end before the lease does.
  statementLimit() {
    const limit = Math.floor(Math.min(this.ttl - this.elapsed() - 2 * IDLE, this.workLeft() - 250));
    if (limit < 50) throw new Error("no time left under this slot");
    return limit;
  }
}

// Runs `work` with a slot in hand, for a holder that must be done in `time`.
export async function withSlot(time, work) {
  const slot = new Slot(time);
  let answer;
  try {
    answer = await ask({ op: "acquire", lease: slot.lease, ttlSeconds: slot.ttl / 1_000 });
  } catch (error) {
    // The counter may have decided, and its answer be lost.
    await release(slot.lease);
    throw error;
  }
  if (answer.granted !== true) throw new NoSlot(answer.reason, answer.retryAfterMs);
  try {
    return await work(slot);
  } finally {
    // With a connection that may still be open, the slot is left to its lease, which the connection
    // does not outlive.
    if (slot.vacant) await release(slot.lease);
  }
}

// Gives the slot back. Tried for a while; after that, the lease ends by itself.
async function release(lease) {
  for (const pause of [50, 100, 200, 400, 0]) {
    try {
      return await ask({ op: "release", lease });
    } catch {
      await sleep(pause);
    }
  }
}

// The secret's versions whose password may be in force, each read when it is its turn. While the
// password is being changed, that is the pending one, which may soon be the current one.
async function* versions() {
  const tried = new Set();
  for (const VersionStage of ["AWSCURRENT", "AWSPENDING", "AWSCURRENT"]) {
    const read = new GetSecretValueCommand({ SecretId: process.env.SECRET_ARN, VersionStage });
    let answer;
    try {
      answer = await secrets.send(read);
    } catch (error) {
      // Nothing is being changed.
      if (error instanceof ResourceNotFoundException && VersionStage === "AWSPENDING") continue;
      throw error;
    }
    if (tried.has(answer.VersionId)) continue;
    tried.add(answer.VersionId);
    yield JSON.parse(answer.SecretString);
  }
}

// Runs `work` with a connection under a slot, by the first of the passwords that is not refused.
export async function withConnection(slot, work) {
  const connection = await logIn(slot);
  try {
    return await work(connection.promise());
  } finally {
    const nothingOpen = await isRolledBack(connection);
    slot.vacant = (await serverHasHungUp(connection)) && nothingOpen;
  }
}

async function logIn(slot) {
  let refused;
  for await (const secret of versions()) {
    const connection = await open(slot, secret);
    try {
      await connection.promise().connect();
      return connection;
    } catch (error) {
      slot.vacant = await serverHasHungUp(connection);
      // The next connection only when the server has closed this one.
      if (!REFUSED.includes(error.errno) || !slot.vacant) throw error;
      refused = error;
    }
  }
  throw refused;
}

async function open(slot, { host, port, username, password, dbname }) {
  const roots = process.env.DB_CA;
  const socket = net.connect({ host, port: Number(port), noDelay: true });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(Math.min(3_000, slot.workLeft())) });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  slot.vacant = false;
  const connection = mysql.createConnection({
    stream: socket,
    host,
    user: username,
    password,
    database: dbname,
    ssl: roots === "off" ? undefined : { ca: readFileSync(roots), verifyIdentity: true },
    connectTimeout: Math.min(3_000, slot.workLeft()),
  });
  // What breaks the connection is told to the statement that it breaks.
  connection.on("error", () => {});
  return connection;
}

// Whether no transaction is open any more: a server hangs up first, and counts the connection until it has rolled
// back. A statement that was given up in the middle may take longer than this waits.
async function isRolledBack(connection) {
  const late = new Promise((resolve) => setTimeout(resolve, 1_000, false).unref());
  const done = connection.promise().query("ROLLBACK");
  return Promise.race([late, done.then(() => true, () => false)]);
}

// Says goodbye and waits for the server to close its side: only then is the slot free.
async function serverHasHungUp(connection) {
  const { stream } = connection;
  if (stream.readableEnded) return true;
  if (stream.destroyed) return false;
  const end = once(stream, "end", { signal: AbortSignal.timeout(1_000) });
  connection.end();
  return end.then(
    () => true,
    () => {
      connection.destroy();
      return false;
    },
  );
}

// One statement, and before it the limits that make the server end the session in time. MariaDB alone
// reads the comments that begin with M, MySQL alone the last.
export async function query(slot, connection, sql, values) {
  const limit = slot.statementLimit();
  const idle = IDLE / 1_000;
  await connection.query(
    `SET SESSION wait_timeout = ${idle}, net_read_timeout = ${idle}, net_write_timeout = ${idle},
     innodb_lock_wait_timeout = ${Math.max(Math.floor(limit / 1_000), 1)},
     lock_wait_timeout = ${Math.max(Math.floor(limit / 1_000), 1)}
     /*M!100101 , max_statement_time = ${(limit / 1_000).toFixed(3)} */
     /*M!100300 , idle_transaction_timeout = ${idle}, idle_readonly_transaction_timeout = ${idle},
     idle_write_transaction_timeout = ${idle} */
     /*!50708 , max_execution_time = ${limit} */`,
  );
  const [rows] = await connection.query({ sql, values, timeout: slot.workLeft(), rowsAsArray: true });
  return rows;
}

export async function handler(event, context) {
  try {
    const [[employees]] = await withSlot(context.getRemainingTimeInMillis(), (slot) =>
      withConnection(slot, (connection) =>
        query(slot, connection, "SELECT COUNT(*) FROM Employees"),
      ),
    );
    return { statusCode: 200, body: JSON.stringify({ employees }) };
  } catch (error) {
    if (!(error instanceof NoSlot)) throw error;
    const headers = { "Retry-After": String(Math.ceil(error.retryAfter / 1_000)) };
    return { statusCode: 503, headers, body: `no slot: ${error.message}` };
  }
}
