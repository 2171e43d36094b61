// Chromium without a window, driven through its protocol on two pipes: nothing to install beside the browser.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The browser of this machine; undefined where there is none. */
export function installed() {
  const named = process.env.CHROMIUM ? [process.env.CHROMIUM] : ['chromium', 'chromium-browser', 'google-chrome'];
  return named.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);
}

export class Browser {
  #child;
  #profile = mkdtempSync(join(tmpdir(), 'eidos-chromium-'));
  #answers = new Map();
  #last = 0;
  #rest = '';
  #listeners = new Set();

  constructor(program = installed()) {
    const arguments_ = [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-extensions',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars',
      '--remote-debugging-pipe', `--user-data-dir=${this.#profile}`,
    ];
    this.#child = spawn(program, arguments_, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.#child.stdio[4].setEncoding('utf8').on('data', (text) => {
      const parts = (this.#rest + text).split('\0');
      this.#rest = parts.pop();
      for (const part of parts) {
        const message = JSON.parse(part);
        if (!message.id) this.#listeners.forEach((listener) => listener(message));
        else {
          const [resolve, reject] = this.#answers.get(message.id);
          this.#answers.delete(message.id);
          if (message.error) reject(new Error(message.error.message));
          else resolve(message.result);
        }
      }
    });
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#last;
    this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#answers.set(id, [resolve, reject]));
  }

  /** Opens a page, as a file or from its text, and waits until it is there. */
  async open(page, { width = 1400, height = 1000, dark = false, scripts = true } = {}) {
    let path = page;
    if (page.startsWith('<')) {
      path = join(this.#profile, `page-${this.#last}.html`);
      writeFileSync(path, page);
    }
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const opened = new Page(this, targetId, sessionId);
    const listen = (message) => {
      if (message.sessionId !== sessionId) return;
      if (message.method === 'Network.requestWillBeSent') opened.requests.push(message.params.request.url);
      if (message.method === 'Runtime.exceptionThrown') opened.errors.push(message.params.exceptionDetails.exception?.description ?? 'an exception');
      if (message.method === 'Log.entryAdded') opened.errors.push(message.params.entry.text);
      if (message.method === 'Page.loadEventFired') opened.loaded();
    };
    this.#listeners.add(listen);
    for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await opened.send(`${domain}.enable`);
    await opened.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 500 });
    await opened.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
    await opened.send('Emulation.setScriptExecutionDisabled', { value: !scripts });
    const loading = new Promise((resolve) => { opened.loaded = resolve; });
    const begin = performance.now();
    await opened.send('Page.navigate', { url: pathToFileURL(path).href });
    await loading;
    opened.milliseconds = performance.now() - begin;
    return opened;
  }

  async close() {
    const ended = new Promise((resolve) => this.#child.on('exit', resolve));
    await this.send('Browser.close').catch(() => this.#child.kill());
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Page {
  requests = [];
  errors = [];
  loaded = () => {};
  milliseconds = 0;

  constructor(browser, target, session) {
    Object.assign(this, { browser, target, session });
  }

  send(method, params) {
    return this.browser.send(method, params, this.session);
  }

  /** What an expression is worth in the page. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async press(key, text = key.length === 1 ? key : undefined) {
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, text });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key });
    await this.frame();
  }

  async type(text) {
    await this.send('Input.insertText', { text });
    await this.frame();
  }

  frame() {
    return this.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))');
  }

  async screenshot(path, whole = false) {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: whole });
    writeFileSync(path, Buffer.from(data, 'base64'));
  }

  async pdf(path) {
    const { data } = await this.send('Page.printToPDF', { printBackground: true });
    writeFileSync(path, Buffer.from(data, 'base64'));
  }

  close() {
    return this.browser.send('Target.closeTarget', { targetId: this.target });
  }
}
