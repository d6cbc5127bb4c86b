// Databases made in the page: nothing is downloaded. Every row is a function of its number, so a sample is
// the same each time it is made.

/** One table of a sample, filled from the numbers 1 to `rows`. */
export interface SampleTable {
  readonly name: string;
  readonly rows: number;
  /** An INSERT that takes the rows of `n(i)`. */
  readonly insert: string;
}

export interface Sample {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly schema: string;
  readonly tables: readonly SampleTable[];
  /** What is done when all rows are there. */
  readonly finish: string;
  /** What to try on it. */
  readonly query: string;
}

/** A whole number below `below` that looks random, and is a function of `seed` alone. */
const scattered = (seed: string, below: number) =>
  `abs((${seed}) * 2654435761 % 4294967296 * 40503 % 2147483647) % ${below}`;
const pick = (seed: string, words: readonly string[]) =>
  `json_extract('${JSON.stringify(words)}', '$[' || (${scattered(seed, words.length)}) || ']')`;

const FIRST_NAMES = [
  "Ada",
  "Alan",
  "Barbara",
  "Dennis",
  "Edsger",
  "Frances",
  "Grace",
  "John",
  "Katherine",
  "Ken",
  "Margaret",
  "Niklaus",
  "Radia",
  "Tony",
];
const LAST_NAMES = [
  "Adams",
  "Berg",
  "Castillo",
  "Dubois",
  "Eriksson",
  "Fontana",
  "García",
  "Horvat",
  "Ito",
  "Jensen",
  "Kowalski",
  "Lindqvist",
  "Müller",
  "Novák",
  "Okafor",
  "Petrov",
];
const COUNTRIES = [
  "AT",
  "BR",
  "CZ",
  "DE",
  "ES",
  "FR",
  "GB",
  "IN",
  "IT",
  "JP",
  "NG",
  "PL",
  "SE",
  "US",
];
const THINGS = [
  "lamp",
  "desk",
  "chair",
  "kettle",
  "notebook",
  "backpack",
  "headphones",
  "keyboard",
  "mug",
  "clock",
  "bicycle bell",
  "umbrella",
];
const MANNERS = [
  "brass",
  "oak",
  "blue",
  "small",
  "folding",
  "quiet",
  "heavy",
  "plain",
  "bright",
  "woollen",
];
const STATES = ["new", "paid", "packed", "sent", "sent", "sent", "returned"];
const WORDS = [
  "pool",
  "page",
  "journal",
  "frame",
  "index",
  "lock",
  "reader",
  "writer",
  "snapshot",
  "checkpoint",
  "cache",
  "cursor",
  "trigger",
  "view",
  "column",
  "key",
];

/** A shop of `total` rows altogether. */
function shop(total: number): Sample {
  const customers = Math.max(100, Math.round(total * 0.05));
  const products = Math.max(50, Math.round(total * 0.002));
  const orders = Math.round(total * 0.25);
  const items = total - customers - products - orders;
  const name = total >= 1_000_000 ? `${total / 1_000_000} M` : `${total / 1_000} k`;
  return {
    id: total >= 1_000_000 ? "shop" : `shop-${total / 1_000}k`,
    title: `Shop, ${name} rows`,
    about: "customers, products, orders and their items",
    schema: `
      CREATE TABLE customers (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE,
        country TEXT NOT NULL, since TEXT NOT NULL
      ) STRICT;
      CREATE TABLE products (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, price_cents INTEGER NOT NULL, stock INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE orders (
        id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers,
        ordered_at TEXT NOT NULL, state TEXT NOT NULL
      ) STRICT;
      CREATE TABLE order_items (
        id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders,
        product_id INTEGER NOT NULL REFERENCES products, quantity INTEGER NOT NULL, price_cents INTEGER NOT NULL
      ) STRICT;`,
    tables: [
      {
        name: "customers",
        rows: customers,
        insert: `INSERT INTO customers SELECT i, ${pick("i", FIRST_NAMES)} || ' ' || ${pick("i * 7 + 3", LAST_NAMES)},
          'customer' || i || '@example.org', ${pick("i * 13 + 5", COUNTRIES)},
          date('2015-01-01', '+' || (${scattered("i * 3", 4000)}) || ' days') FROM n`,
      },
      {
        name: "products",
        rows: products,
        insert: `INSERT INTO products SELECT i, ${pick("i", MANNERS)} || ' ' || ${pick("i * 5 + 1", THINGS)} || ' ' || i,
          199 + ${scattered("i * 11", 30_000)}, ${scattered("i * 17", 500)} FROM n`,
      },
      {
        name: "orders",
        rows: orders,
        insert: `INSERT INTO orders SELECT i, 1 + ${scattered("i * 31", customers)},
          datetime('2020-01-01', '+' || (i * 2400 / ${orders}) || ' days', '+' || (${scattered("i", 86_400)}) || ' seconds'),
          ${pick("i * 19", STATES)} FROM n`,
      },
      {
        name: "order_items",
        rows: items,
        insert: `INSERT INTO order_items SELECT i, 1 + (i - 1) * ${orders} / ${items}, 1 + ${scattered("i * 23", products)},
          1 + ${scattered("i * 29", 5)}, 199 + ${scattered("i * 11", 30_000)} FROM n`,
      },
    ],
    finish: `
      CREATE INDEX orders_by_customer ON orders (customer_id);
      CREATE INDEX items_by_order ON order_items (order_id);
      CREATE VIEW sales AS
        SELECT o.id, o.ordered_at, c.name AS customer, c.country,
          sum(i.quantity * i.price_cents) / 100.0 AS total
        FROM orders AS o JOIN customers AS c ON c.id = o.customer_id
        JOIN order_items AS i ON i.order_id = o.id GROUP BY o.id;
      ANALYZE;`,
    query: `-- The best customers of the shop.
SELECT c.name, c.country, count(DISTINCT o.id) AS orders,
  round(sum(i.quantity * i.price_cents) / 100.0, 2) AS spent
FROM customers AS c
JOIN orders AS o ON o.customer_id = c.id
JOIN order_items AS i ON i.order_id = o.id
WHERE c.country = 'SE'
GROUP BY c.id ORDER BY spent DESC LIMIT 100;
`,
  };
}

const sensors: Sample = {
  id: "sensors",
  title: "Sensors, 200 k rows",
  about: "a time series without a rowid, and a blob in each hundredth row",
  schema: `
    CREATE TABLE readings (
      sensor INTEGER NOT NULL, at INTEGER NOT NULL, celsius REAL, raw BLOB, PRIMARY KEY (sensor, at)
    ) WITHOUT ROWID, STRICT;`,
  tables: [
    {
      name: "readings",
      rows: 200_000,
      insert: `INSERT INTO readings SELECT i % 20, 1700000000000 + i / 20 * 60000,
        CASE WHEN i % 997 = 0 THEN NULL ELSE round(12 + (i % 20) / 2.0 + (${scattered("i", 1000)}) / 250.0, 2) END,
        CASE WHEN i % 100 = 0 THEN unhex(printf('%016X', i * 2654435761)) END FROM n`,
    },
  ],
  finish: "ANALYZE;",
  query: `SELECT sensor, count(*) AS readings, count(*) - count(celsius) AS missing,
  round(avg(celsius), 2) AS mean, min(celsius) AS coldest, max(celsius) AS warmest
FROM readings GROUP BY sensor;
`,
};

const notes: Sample = {
  id: "notes",
  title: "Notes, 20 k rows",
  about: "full-text search with FTS5, kept up to date by triggers",
  schema: `
    CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL) STRICT;
    CREATE VIRTUAL TABLE notes_search USING fts5(title, body, content = 'notes', content_rowid = 'id');
    CREATE TRIGGER notes_added AFTER INSERT ON notes BEGIN
      INSERT INTO notes_search (rowid, title, body) VALUES (new.id, new.title, new.body);
    END;`,
  tables: [
    {
      name: "notes",
      rows: 20_000,
      insert: `INSERT INTO notes SELECT i, ${pick("i", WORDS)} || ' ' || ${pick("i * 3 + 1", WORDS)},
        ${Array.from({ length: 12 }, (_, k) => pick(`i * ${2 * k + 7} + ${k}`, WORDS)).join(" || ' ' || ")} FROM n`,
    },
  ],
  finish: "INSERT INTO notes_search (notes_search) VALUES ('optimize');",
  query: `SELECT n.id, n.title, snippet(notes_search, 1, '[', ']', '…', 8) AS found
FROM notes_search JOIN notes AS n ON n.id = notes_search.rowid
WHERE notes_search MATCH 'NEAR(snapshot checkpoint, 4)' ORDER BY rank LIMIT 200;
`,
};

export const SAMPLES: readonly Sample[] = [shop(1_000_000), shop(50_000), sensors, notes];
