'use strict';

// Runs an event's handler behind the middlewares, as Zappa does: `next()` gives what the handler has returned, and what
// `next(error)` is called with is thrown.

function runChain(middlewares, handler, ctx) {
  const step = (index) => {
    if (index === middlewares.length) {
      return handler.call(ctx, ctx.data, ctx.ack);
    }
    return middlewares[index].call(ctx, ctx, ctx.res, (error) => {
      if (error) {
        throw error;
      }
      return step(index + 1);
    });
  };
  return step(0);
}

module.exports = { runChain };
