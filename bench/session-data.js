'use strict';

// What a shop keeps in a session: objects in objects, arrays, strings of ordinary length. The same number and
// size always give the same session.

function item(number) {
  return {
    sku: `SKU-${10_000 + number * 37}`,
    title: `Article no. ${number}, in the colour of the season`,
    quantity: 1 + (number % 3),
    price: { amount: 1999 + number * 13, currency: 'EUR' },
    options: {
      size: 'ML'[number % 2],
      gift: number % 5 === 0,
      notes: ['wrap', 'no invoice'].slice(number % 2),
    },
  };
}

function sessionData(number, bytes) {
  const data = {
    user: {
      id: `user-${number}`,
      name: `Ada Lovelace ${number}`,
      email: `ada.${number}@example.org`,
      roles: ['customer', 'editor'],
      address: { street: '12 St James’s Square', city: 'London', postcode: 'SW1Y 4JH', country: 'GB' },
    },
    preferences: {
      theme: 'dark',
      locale: 'en-GB',
      notifications: { email: true, push: false, digest: { every: 'week', day: 1 } },
    },
    lastEvent: 0,
    cart: { currency: 'EUR', items: [] },
  };
  let length = JSON.stringify(data).length;
  // The cookie and `__socket` add some 200 bytes of their own in the store.
  for (let index = 0; length < bytes - 200; index += 1) {
    const next = item(index);
    data.cart.items.push(next);
    length += JSON.stringify(next).length + 1;
  }
  return data;
}

module.exports = { sessionData };
