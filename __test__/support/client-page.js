'use strict';

// What a page has that uses the client's module: the browser's `fetch`, and a connection that breaks.

// A `fetch` with the cookies of this browser. It minds no signal, as many a wrapper does not.
function fetchOf(browser, sent = []) {
  return async (url, init) => {
    sent.push({ url, init });
    const { status, headers, text } = await browser.request(url.slice(new URL(url).origin.length), {
      headers: init.headers,
    });
    return new Response(text, { status, headers });
  };
}

// The connection of a client's socket breaks, as when a train enters a tunnel.
async function breakOff({ io }, socket) {
  const lost = new Promise((resolve) => socket.once('disconnect', resolve));
  const { sockets } = io.of('/');
  for (const { conn } of sockets instanceof Map ? sockets.values() : Object.values(sockets)) conn.close();
  await lost;
}

module.exports = { breakOff, fetchOf };
