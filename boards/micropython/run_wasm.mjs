// MicroPython (WebAssembly) as a board whose line is a TCP socket on 127.0.0.1.
//
//   node run_wasm.mjs connect PORT    connect to a server that listens on tcp://127.0.0.1:PORT, again when the link is lost
//   node run_wasm.mjs listen          listen for one host at a time; prints the port
//   node run_wasm.mjs run FILE...     run the first file, with the others beside it, and end with its status
//
//   --packages FOLDER   holds node_modules/@micropython; else $SIG_MICROPYTHON, else .boards in the checkout.
//                       To make one: npm install --prefix FOLDER @micropython/micropython-webassembly-pyscript@1.27.0
//   --name NAME         of the sender; mp
//   --seconds N         after that it ends by itself, whatever happens; 60
//   --options JSON      more arguments of Board: {"mtu": 32, "window": 1}
//
// SIGUSR1, or a line `reset` on standard input, resets the board as its button would: it begins anew, and what was on
// its way to it is gone. A line `sleep MS` keeps it from polling for so long; `unplug MS` takes the line away for so long.

import fs from 'fs';
import net from 'net';
import path from 'path';
import readline from 'readline';
import { fileURLToPath, pathToFileURL } from 'url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const PACKAGE = 'node_modules/@micropython/micropython-webassembly-pyscript/micropython.mjs';
const AGAIN = 100;  // ms until it dials again
const EVERY = 2;    // ms between two polls while nothing comes

const MAIN = `
import binascii, js, json
from firmware_app import App

def read():
    data = js.sig_read()
    return binascii.unhexlify(data) if data else None

def write(data):
    js.sig_write(binascii.hexlify(data).decode())

app = App(read, write, js.sig_name, **json.loads(js.sig_options))
step = app.step
reopened = app.board.reopened
`;

function read_arguments(words) {
  const given = { packages: process.env.SIG_MICROPYTHON || path.join(HERE, '..', '..', '.boards'), name: 'mp',
                  seconds: '60', options: '{}' };
  const rest = [];
  for (let i = 0; i < words.length; i++) {
    const option = words[i].startsWith('--') ? words[i].slice(2) : null;
    if (option === null) rest.push(words[i]);
    else if (option in given && i + 1 < words.length) given[option] = words[++i];
    else fail(`unknown option ${words[i]}, or its value is missing`);
  }
  return { ...given, rest };
}

function fail(text) {
  process.stderr.write(`run_wasm: ${text}\n`);
  process.exit(2);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

const given = read_arguments(process.argv.slice(2));
setTimeout(() => { process.stderr.write(`run_wasm: ${given.seconds} s are over\n`); process.exit(3); },
           1000 * Number(given.seconds)).unref();
const file = path.join(given.packages, PACKAGE);
if (!fs.existsSync(file)) {
  fail(`no MicroPython in ${given.packages}; ` +
       `npm install --prefix ${given.packages} @micropython/micropython-webassembly-pyscript@1.27.0`);
}
// A reset makes a new MicroPython. The package would let the garbage of the one before be freed in it, by number: then the
// new one loses objects that it still uses, and crashes when JavaScript collects its garbage. So nothing is freed here.
globalThis.FinalizationRegistry = class { register() {} unregister() {} };
const { loadMicroPython } = await import(pathToFileURL(file));

async function start(beside) {
  const mp = await loadMicroPython({ linebuffer: true, stdout: say });
  for (const name of beside) mp.FS.writeFile('/' + path.basename(name), fs.readFileSync(name));
  return mp;
}

const ours = ['sigboard.py', 'firmware_app.py'].map(name => path.join(HERE, name));
const [how, ...what] = given.rest;

if (how === 'run') {
  const mp = await start([...ours, ...what]);
  try {
    mp.runPython(`import ${path.basename(what[0], '.py')}`);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  process.exit(0);
} else if (how !== 'connect' && how !== 'listen') {
  fail('what shall it do? connect PORT, listen, run FILE');
}

let socket = null;
let came = [];
let step = null;
let reopened = null;
let asleep_until = 0;
let unplugged_until = 0;

globalThis.sig_name = given.name;
globalThis.sig_options = given.options;
globalThis.sig_read = () => { const all = Buffer.concat(came); came = []; return all.toString('hex'); };
globalThis.sig_write = hex => { if (socket) socket.write(Buffer.from(hex, 'hex')); };

async function begin() {
  step = null;
  came = [];
  const mp = await start(ours);
  mp.runPython(MAIN);
  step = mp.globals.get('step');
  reopened = mp.globals.get('reopened');
}

async function reset() {
  await begin();
  say('reset');
}

function poll() {
  if (step && socket && Date.now() >= asleep_until) step();
}

function use(link) {
  socket = link;
  link.setNoDelay(true);
  if (step) reopened();
  link.on('data', data => { if (step) came.push(data); poll(); });
  link.on('error', () => {});  // `close` follows
  link.on('close', () => { if (socket === link) { socket = null; came = []; } });
}

function dial() {
  if (Date.now() < unplugged_until) { setTimeout(dial, AGAIN); return; }
  const link = net.connect(Number(what[0]), '127.0.0.1');
  link.on('connect', () => { say(`connected to ${what[0]}`); use(link); });
  link.on('error', () => {});
  link.on('close', () => setTimeout(dial, AGAIN));
}

function listen() {
  const server = net.createServer(link => { if (socket) socket.destroy(); use(link); });
  server.listen(0, '127.0.0.1', () => say(`listening on ${server.address().port}`));
}

function obey(line) {
  const [word, number] = line.trim().split(' ');
  if (word === 'reset') reset();
  else if (word === 'sleep') asleep_until = Date.now() + Number(number);
  else if (word === 'unplug') { unplugged_until = Date.now() + Number(number); if (socket) socket.destroy(); }
  else if (word) say(`what is ${word}? reset, sleep MS, unplug MS`);
}

await begin();
process.on('SIGUSR1', reset);
readline.createInterface({ input: process.stdin }).on('line', obey);
setInterval(poll, EVERY);
if (how === 'listen') listen(); else dial();
