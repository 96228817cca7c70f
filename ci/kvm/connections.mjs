// Opens many connections to a server and holds all of them before the first
// request; then asks on each, again and again, and compares every answer.
//
//   node connections.mjs HOST PORT PATH FILE CONNECTIONS REQUESTS
//
// Fails when a connection is refused or closed, or a body is not FILE's bytes.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const [host, port, path, file, connections, requests] = process.argv.slice(2);
const expected = readFileSync(file);
const request = `GET ${path} HTTP/1.1\r\nHost: ${host.includes(':') ? `[${host}]` : host}\r\n\r\n`;

function open() {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    socket.setNoDelay(true);
    socket.setTimeout(30_000, () => reject(new Error('a connection stalls')));
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

// One answer's body: by its Content-Length, and nothing behind it.
function ask(socket) {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const fail = why => () => { stop(); reject(new Error(why)); };
    const closed = fail('a connection was closed');
    const onData = data => {
      bytes = Buffer.concat([bytes, data]);
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = bytes.subarray(0, end).toString('latin1');
      const length = /^content-length: (\d+)$/im.exec(head);
      if (!head.startsWith('HTTP/1.1 200 ') || !length) return fail(`an odd answer: ${head}`)();
      const body = bytes.subarray(end + 4);
      if (body.length < Number(length[1])) return;
      stop();
      if (body.equals(expected)) resolve();
      else reject(new Error('a body differs'));
    };
    const stop = () => { socket.off('data', onData); socket.off('close', closed); };
    socket.on('data', onData);
    socket.on('close', closed);
    socket.write(request);
  });
}

try {
  const sockets = await Promise.all(Array.from({ length: Number(connections) }, open));
  await Promise.all(sockets.map(async socket => {
    for (let done = 0; done < Number(requests); done++) await ask(socket);
  }));
  console.log(`${sockets.length} connections at once, ${sockets.length * requests} answers`);
  for (const socket of sockets) socket.destroy();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exit(1);
}
