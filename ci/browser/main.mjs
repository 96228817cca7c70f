// Runs the checks over decks: arguments, images that have to be started, the browser, the report.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createRequire } from 'node:module';
import { Deck } from './deck.mjs';
import { buildHostile } from './hostile.mjs';
import { everyPage } from './pages.mjs';
import { liveReload } from './serve.mjs';
import { website } from './website.mjs';
import * as content from './checks/content.mjs';
import * as fit from './checks/fit.mjs';
import * as movement from './checks/movement.mjs';
import * as modes from './checks/modes.mjs';
import * as access from './checks/access.mjs';
import * as page from './checks/page.mjs';

const modules = createRequire(join(process.env.MODULES, 'package.json'));
const { chromium } = modules('playwright-core');

const checks = { ...content, ...movement, ...fit, ...modes, ...access, ...page };

function usage(message) {
  console.error(`error: ${message}`);
  console.error(`hint: the checks are ${Object.keys(checks).join(' ')}`);
  process.exit(2);
}

let values, positionals;
try {
  ({ values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      slides: { type: 'string' },
      missing: { type: 'string', multiple: true, default: [] },
      allow: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', multiple: true, default: Object.keys(checks) },
      hostile: { type: 'boolean', default: false },
      pages: { type: 'boolean', default: false },
      website: { type: 'boolean', default: false },
      serve: { type: 'boolean', default: false },
      applgen: { type: 'string', default: 'target/release/applgen' },
    },
  }));
} catch (error) {
  usage(error.message);
}
for (const name of values.only) if (!checks[name]) usage(`there is no check \`${name}\``);

const scratch = mkdtempSync(join(tmpdir(), 'applgen-browser-'));
const ends = [() => rmSync(scratch, { recursive: true, force: true })];
let failures = 0;
try {
  const targets = positionals.map(target => ({ target, only: values.only }));
  if (values.hostile) targets.push(...await buildHostile(resolve(values.applgen), scratch));
  if (!targets.length && !values.serve) usage('no URL and no image was given');
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  ends.push(() => browser.close());
  if (values.serve) failures += await liveReload(browser, resolve(values.applgen), scratch, ends);
  const origins = new Map();
  for (const { target, path = '', only = values.only } of targets) {
    if (!origins.has(target)) origins.set(target, /^https?:/.test(target) ? target : await start(target));
    if (values.website) failures += await website(browser, modules, resolve(values.applgen), target, origins.get(target));
    else if (values.pages) failures += await everyPage(browser, resolve(values.applgen), target, origins.get(target));
    else await test(browser, new URL(path, origins.get(target)).href, only);
  }
} finally {
  for (const end of ends.reverse()) await end();
}
console.log(failures ? `${failures} failed` : 'all passed');
process.exitCode = failures ? 1 : 0;

/** Runs every check over one deck; a check returns what is wrong, one string for each. */
async function test(browser, url, only) {
  console.log(`\n${url}`);
  const deck = await Deck.open(browser, url, {
    missing: values.missing, allow: values.allow, modules,
    expected: values.slides === undefined ? undefined : Number(values.slides),
  });
  for (const name of only) {
    const began = performance.now();
    let problems;
    try {
      problems = await checks[name](deck);
      problems.push(...deck.takeComplaints());
    } catch (error) {
      problems = [error.stack];
    }
    await deck.closePages();
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`  ${problems.length ? 'FAIL' : 'ok  '} ${name.padEnd(14)} ${seconds.padStart(6)} s`);
    for (const problem of problems.slice(0, 12)) console.log(`       ${problem}`);
    if (problems.length > 12) console.log(`       and ${problems.length - 12} more`);
    if (problems.length) failures++;
  }
}

/** Starts an image on a free port of the loopback, and waits until it says that it listens. */
async function start(image) {
  if (!existsSync(image)) usage(`no such image: \`${image}\``);
  const port = await new Promise(free => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => free(port));
    });
  });
  const child = spawn(resolve(image), [`http=127.0.0.1:${port}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  ends.push(() => child.exitCode === null && child.kill());
  await new Promise((ready, failed) => {
    let said = '';
    child.stdout.on('data', data => {
      said += data;
      if (said.includes('listening')) ready();
    });
    child.on('exit', code => failed(new Error(`\`${image}\` ended with status ${code} before it listened`)));
    child.on('error', failed);
    setTimeout(() => failed(new Error(`\`${image}\` did not listen within 20 s`)), 20_000).unref();
  });
  return `http://127.0.0.1:${port}/`;
}
