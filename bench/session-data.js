'use strict';

// What a shop keeps in a session: objects in objects, arrays, strings of ordinary length. The same number and size always
// give the same session. Two have the fields in common and few values, as real ones: what packs them must not look better.

const WORDS =
  `amber anchor birch blanket bottle brass brook candle canvas cedar chair cherry copper coral cotton cradle crystal curtain
  drawer ember feather fern flannel garden glass hazel indigo ivory jasmine kettle ladder lantern leather lemon linen maple
  marble meadow mirror needle oak olive paper pepper pillow pine pocket quilt ribbon river saddle silver slate spoon stone
  table thistle timber velvet walnut willow window winter wool`.split(/\s+/);
const COLOURS = ['red', 'green', 'blue', 'black', 'white'];

// Numbers that look like chance, from 0 to below `limit`.
function chances(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return (limit) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b1;
    return ((state ^ (state >>> 13)) >>> 0) % limit;
  };
}

function item(chance) {
  const word = () => WORDS[chance(WORDS.length)];
  return {
    sku: `SKU-${10_000 + chance(90_000)}`,
    title: `${word()} ${word()} with ${word()}, ${COLOURS[chance(COLOURS.length)]}`,
    quantity: 1 + chance(3),
    price: { amount: 199 + chance(20_000), currency: 'EUR' },
    options: {
      size: 'ML'[chance(2)],
      gift: chance(5) === 0,
      notes: ['wrap', 'no invoice'].slice(chance(2)),
    },
  };
}

function sessionData(number, bytes) {
  const chance = chances(number);
  const word = () => WORDS[chance(WORDS.length)];
  const name = word();
  const data = {
    user: {
      id: `user-${number}`,
      name: `Ada ${name} ${number}`,
      email: `ada.${name}.${number}@example.org`,
      roles: ['customer', 'editor'],
      address: {
        street: `${chance(200)} St ${word()}’s Square`,
        city: word(),
        postcode: `${chance(100_000)}`,
        country: 'GB',
      },
    },
    preferences: {
      theme: ['dark', 'light'][chance(2)],
      locale: 'en-GB',
      notifications: { email: true, push: false, digest: { every: 'week', day: chance(7) } },
    },
    lastEvent: 0,
    cart: { currency: 'EUR', items: [] },
  };
  let length = JSON.stringify(data).length;
  // The cookie and `__socket` add some 200 bytes of their own in the store.
  while (length < bytes - 200) {
    const next = item(chance);
    data.cart.items.push(next);
    length += JSON.stringify(next).length + 1;
  }
  return data;
}

module.exports = { sessionData };
