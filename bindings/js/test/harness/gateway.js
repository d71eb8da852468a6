// A real gateway of a test's own: a process on free ports of the loopback with a data folder of its own, which can be killed and
// started again in the same place.

import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** Ready within a second of a kill is the promise; a loaded machine gets more before it is called a failure. */
const READY_WITHIN = 30_000;

/** The command: of `BOWLINE_BIN`, or as cargo has left it, or made by cargo now. */
function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  const given = process.env.BOWLINE_BIN;
  const known = given ? [given] : ['release', 'debug'].map((profile) => join(target, profile, 'bowline'));
  const found = known.find((path) => existsSync(path));
  if (found) return found;
  if (given) throw new Error(`BOWLINE_BIN: there is no ${given}`);
  console.error('the gateway is built first, which takes minutes: BOWLINE_BIN names one that is there');
  const { status } = spawnSync('cargo', ['build', '--quiet', '-p', 'bowline-cli'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('cargo could not build the gateway');
  return join(target, 'debug', 'bowline');
}

export class Gateway {
  #binary = binary();
  #dir = mkdtempSync(join(tmpdir(), 'bowline-js-'));
  #data = join(this.#dir, 'data');
  #tokens = new Map();
  #child;
  #config;
  #listen;
  #admin;
  #isStopped = false;

  /** Starts one; `config` is the text of a configuration file, if any. */
  static async start(config) {
    const gateway = new Gateway();
    if (config) writeFileSync((gateway.#config = join(gateway.#dir, 'config.toml')), config);
    gateway.#listen = await freePort();
    gateway.#admin = await freePort();
    await gateway.restart();
    return gateway;
  }

  get url() {
    return `http://127.0.0.1:${this.#listen}`;
  }

  get socketUrl() {
    return `ws://127.0.0.1:${this.#listen}`;
  }

  get pid() {
    return this.#child.pid;
  }

  /** Starts the process again, in the same place; resolves when it is ready. */
  async restart() {
    const log = openSync(join(this.#dir, 'stderr'), 'a');
    const listen = ['--listen', `127.0.0.1:${this.#listen}`, '--admin', `127.0.0.1:${this.#admin}`];
    const config = this.#config ? ['--config', this.#config] : [];
    const child = spawn(this.#binary, ['serve', '--dev', ...listen, '--data-dir', this.#data, ...config], {
      env: { ...process.env, RUST_LOG: 'warn' },
      stdio: ['ignore', 'pipe', log],
    });
    closeSync(log);
    this.#child = child;
    // Whoever ends this process ends its gateway.
    process.once('exit', this.#orphan);
    const isReady = (async () => {
      for await (const line of createInterface(child.stdout)) if (line.startsWith('bowline: ready on ')) return true;
      return false;
    })();
    const limit = new AbortController();
    const ready = await Promise.race([isReady, pause(READY_WITHIN, false, { signal: limit.signal }).catch(() => false)]);
    limit.abort();
    if (!ready) {
      child.kill('SIGKILL');
      throw new Error(`the gateway did not get ready: ${readFileSync(join(this.#dir, 'stderr'), 'utf8')}`);
    }
    child.stdout.resume();
  }

  /** `kill -9`; resolves when the process is gone, which it may have been before. */
  async kill() {
    const child = this.#child;
    this.#child = undefined;
    process.off('exit', this.#orphan);
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** The end: process and data. What is still being published is given up. */
  async stop() {
    this.#isStopped = true;
    if (this.#child) await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #orphan = () => this.#child?.kill('SIGKILL');

  /** An access token, valid for an hour. */
  token(account, options = []) {
    const wanted = ['token', '--account', account, ...options, '--data-dir', this.#data];
    const key = wanted.join(' ');
    if (!this.#tokens.has(key)) {
      const { stdout, stderr, status } = spawnSync(this.#binary, wanted, { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
      this.#tokens.set(key, stdout.trim());
    }
    return this.#tokens.get(key);
  }

  /** Publishes; repeats while the gateway is away or busy. What was answered is in the log once. */
  async publish(events) {
    const key = randomUUID();
    for (const until = Date.now() + READY_WITHIN; ; await pause(50)) {
      const answer = await this.#ask('POST', '/v1/events', ['publish'], events, { 'idempotency-key': key }).catch((error) => error);
      if (answer.ok) return answer.json();
      const isFinal = answer.status !== undefined && answer.status !== 503;
      if (isFinal || this.#isStopped || Date.now() > until) throw answer instanceof Error ? answer : new Error(await answer.text());
    }
  }

  async grant(account, topic) {
    const path = `/v1/accounts/${encodeURIComponent(account)}/topics/${encodeURIComponent(topic)}`;
    const answer = await this.#ask('PUT', path, ['admin']);
    if (!answer.ok) throw new Error(await answer.text());
  }

  #ask(method, path, scopes, body, headers = {}) {
    const token = this.token('publisher', ['--kind', 'service', '--scope', scopes.join(',')]);
    return fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }

  /** The sum of a metric's samples. */
  async metric(name) {
    const text = await (await fetch(`http://127.0.0.1:${this.#admin}/metrics`)).text();
    const samples = text.split('\n').filter((line) => line.startsWith(name) && ' {'.includes(line[name.length]));
    if (samples.length === 0) throw new Error(`no metric ${name}`);
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }
}

/** Below those that the system gives to dialling sockets, so that a dead gateway's port stays its own. */
async function freePort() {
  for (let tries = 0; tries < 100; tries++) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const isFree = await new Promise((resolve) => {
      const server = createServer().once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error('no port is free');
}
