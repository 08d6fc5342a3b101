// A Lambda function that connects to MySQL only while it holds a slot.
//
// Package: mysql2, and AWS's global-bundle.pem (or another file of root certificates).
// Environment: COUNTER_FUNCTION, POOL_NAME, SECRET_ARN, and DB_CA: the path of the root certificates, or "off".

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

// All times are in milliseconds. The lease outlives the work by GRACE, in which nothing is sent to the
// server. The server ends a session after IDLE without a statement. MARGIN is reserved for closing the
// connection and releasing the slot.
const GRACE = 5_000;
const IDLE = 2_000;
const MARGIN = 1_000;
// Errors for a wrong password: 1045, and on MariaDB also 1698, for accounts with a second way to log in.
const REFUSED = [1045, 1698];

// The counter answers within 5 s or times out. An invocation may be repeated: it has the same lease id.
const aws = { maxAttempts: 2, requestHandler: { connectionTimeout: 2_000, requestTimeout: 6_000 } };
const lambda = new LambdaClient(aws);
const secrets = new SecretsManagerClient(aws);

// The counter rejected the acquire; nothing was connected. Retry after `retryAfter`.
export class NoSlot extends Error {
  constructor(reason, retryAfter) {
    super(reason);
    this.retryAfter = retryAfter;
  }
}

// Invokes the counter once. On an error, do not connect.
async function ask(request) {
  const payload = JSON.stringify({ RDBMSName: process.env.POOL_NAME, ...request });
  const invoke = new InvokeCommand({ FunctionName: process.env.COUNTER_FUNCTION, Payload: payload });
  const answer = await lambda.send(invoke);
  const said = JSON.parse(answer.Payload.transformToString());
  if (answer.FunctionError) throw new Error(`counter: ${said.errorType}: ${said.errorMessage}`);
  return said;
}

// A lease, and its remaining time.
class Slot {
  lease = randomBytes(6).toString("base64url");
  // True while no connection uses the slot.
  vacant = true;
  // The lease's time starts before the acquire, and is measured by the clock that moved further: the
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

  // Returns the time in which statements may be sent to the server.
  workLeft() {
    const left = Math.floor(this.work - this.elapsed());
    if (left <= 0) throw new Error("no time left under this slot");
    return left;
  }

  // Returns the time that a statement may take so that the session ends before the lease.
  statementLimit() {
    const limit = Math.floor(Math.min(this.ttl - this.elapsed() - 2 * IDLE, this.workLeft() - 250));
    if (limit < 50) throw new Error("no time left under this slot");
    return limit;
  }
}

// Runs `work`, which ends within `time`, while holding a slot.
export async function withSlot(time, work) {
  const slot = new Slot(time);
  let answer;
  try {
    answer = await ask({ op: "acquire", lease: slot.lease, ttlSeconds: slot.ttl / 1_000 });
  } catch (error) {
    // The counter may have granted the slot, and its answer may be lost.
    await release(slot.lease);
    throw error;
  }
  if (answer.granted !== true) throw new NoSlot(answer.reason, answer.retryAfterMs);
  try {
    return await work(slot);
  } finally {
    // If the connection may still be open, the slot is not released: the lease expires, and the server
    // ends the connection before that.
    if (slot.vacant) await release(slot.lease);
  }
}

// Releases the slot. After five failures the lease is left to expire.
async function release(lease) {
  for (const pause of [50, 100, 200, 400, 0]) {
    try {
      return await ask({ op: "release", lease });
    } catch {
      await sleep(pause);
    }
  }
}

// Yields the versions of the secret whose password may be valid, and reads each when it is needed.
// During a rotation the pending password may be valid, and may become the current one in between.
async function* versions() {
  const tried = new Set();
  for (const VersionStage of ["AWSCURRENT", "AWSPENDING", "AWSCURRENT"]) {
    const read = new GetSecretValueCommand({ SecretId: process.env.SECRET_ARN, VersionStage });
    let answer;
    try {
      answer = await secrets.send(read);
    } catch (error) {
      // No rotation is in progress.
      if (error instanceof ResourceNotFoundException && VersionStage === "AWSPENDING") continue;
      throw error;
    }
    if (tried.has(answer.VersionId)) continue;
    tried.add(answer.VersionId);
    yield JSON.parse(answer.SecretString);
  }
}

// Runs `work` with a connection under a slot, with the first password that the server accepts.
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
      // The next login starts only after the server has closed this connection.
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
  // The statement that fails reports the error. Without a listener Node.js would exit.
  connection.on("error", () => {});
  return connection;
}

// Returns whether no transaction is open. A server closes the connection before it rolls back, and counts
// it until then. An abandoned statement may take longer than this waits.
async function isRolledBack(connection) {
  const late = new Promise((resolve) => setTimeout(resolve, 1_000, false).unref());
  const done = connection.promise().query("ROLLBACK");
  return Promise.race([late, done.then(() => true, () => false)]);
}

// Ends the connection and waits until the server has closed it: only then is the slot free.
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

// Executes one statement, after setting the limits with which the server ends the session in time. Only
// MariaDB executes the comments that begin with M, only MySQL the last one.
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
