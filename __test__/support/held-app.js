'use strict';

const { deferred } = require('./deferred.js');

// An HTTP request and an event that a test holds in the middle of their work: `entered` when the session is theirs,
// and only `go` lets them change it and end.
//
//   const held = heldApp({ http(session) {…}, event(session) {…} })
//   app(context) { held.app(context) }
//   held.http.entered / held.http.go() / held.event.entered / held.event.go()

function gate() {
  const entered = deferred();
  const open = deferred();
  return {
    entered: entered.promise,
    go: open.resolve,
    async pass(session, change) {
      entered.resolve(session);
      await open.promise;
      change(session);
    },
  };
}

function heldApp({ http: changeHttp = () => {}, event: changeEvent = () => {} }) {
  const http = gate();
  const event = gate();
  function app(context) {
    context.get('/held', async function () {
      await http.pass(this.session, changeHttp);
      this.json({});
    });
    context.on('held', async function (_data, ack) {
      await event.pass(this.session, changeEvent);
      ack?.({});
    });
  }
  return { http, event, app };
}

module.exports = { heldApp };
