// The page: listens to the server, keeps cards and flow up to date, says when the connection is lost.

import { Card, write } from "./cards.js";
import * as words from "./words.js";

const SILENT_MS = 25_000; // the server says something at least every 10 s
const AGES_MS = 5_000;
const DAYS_MS = 20_000; // how often a card's plots are asked for again
const MOST_IDS = 40;

const $ = (id) => document.getElementById(id);
const cards = new Map();
const visible = new Set();
const wanted = new Map(); // card id -> when its days were last asked for
let vocabulary;
let clockOffset = 0; // the server's clock less this browser's
let since = null;
let source;
let watchdog;
let retry = 1_000;
let lastNews = 0;

const now = () => Date.now() + clockOffset;

async function start() {
  for (;;) {
    try {
      const answer = await fetch("/api/words");
      if (answer.ok) {
        vocabulary = await answer.json();
        document.getElementById("note").textContent = vocabulary.note;
        break;
      }
    } catch {
      // said below; tried again
    }
    say("lost", "Le service ne répond pas. Nouvel essai en cours.");
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  }
  connect();
  setInterval(tick, AGES_MS);
  setInterval(askForDays, 1_000);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
  $("filter").addEventListener("input", filterSoon);
  $("filter-form").addEventListener("submit", (event) => event.preventDefault());
}

function connect() {
  clearTimeout(watchdog);
  source?.close();
  source = new EventSource("/api/stream");
  source.addEventListener("state", (event) => {
    heard();
    take(JSON.parse(event.data));
  });
  source.addEventListener("beat", (event) => {
    heard();
    clockOffset = Number(event.data) - Date.now();
  });
  source.addEventListener("error", lost);
  watch();
}

function watch() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => {
    lost();
    connect();
  }, SILENT_MS);
}

function heard() {
  retry = 1_000;
  lastNews = now();
  watch();
  say("live", "En direct");
}

function lost() {
  const until = lastNews ? ` La page montre l’état de ${words.clockSeconds(lastNews)}.` : "";
  say("lost", `Connexion perdue.${until} Nouvel essai en cours.`);
  if (source.readyState === EventSource.CLOSED) {
    // the browser gives up where the answer is no stream; we do not
    clearTimeout(watchdog);
    watchdog = setTimeout(connect, retry);
    retry = Math.min(retry * 2, 15_000);
  }
}

function say(state, text) {
  $("link").dataset.state = state;
  write($("link-text"), text);
  document.body.classList.toggle("stale", state === "lost");
}

function take(state) {
  clockOffset = state.now - Date.now();
  since = state.since;
  if (state.full) {
    const known = new Set(state.places.map((place) => place.id));
    for (const [id, card] of cards) if (!known.has(id)) forget(id, card);
  }
  for (const place of state.places) takePlace(place);
  writeFlow(state);
  arrange(state.places);
  filter();
}

function takePlace(place) {
  let card = cards.get(place.id);
  if (!card) {
    card = new Card(vocabulary);
    cards.set(place.id, card);
    card.element.cardId = place.id;
    seen.observe(card.element);
  }
  card.changed = true;
  card.update(place, now());
}

function forget(id, card) {
  seen.unobserve(card.element);
  card.element.remove();
  cards.delete(id);
  visible.delete(id);
  wanted.delete(id);
}

const collator = new Intl.Collator("fr", { numeric: true });

/** Put cards in the order of their communes and names; those without a commune come last. */
function arrange(places) {
  const list = $("cards");
  for (const { id } of places) {
    const card = cards.get(id);
    const { commune = "" } = card.place.tags;
    const sortedAs = [commune, card.place.name];
    if (card.sortedAs?.join() === sortedAs.join()) continue;
    card.sortedAs = sortedAs;
    const after = [...list.children].find((other) => other !== card.element && follows(cards.get(other.cardId).sortedAs, sortedAs));
    list.insertBefore(card.element, after ?? null);
  }
}

function follows([commune, name], [ofCommune, ofName]) {
  return (!commune - !ofCommune || collator.compare(commune, ofCommune) || collator.compare(name, ofName)) > 0;
}

const DELIVERY = {
  flowing: "le stockage suit",
  retrying: "le stockage ne répond pas, nouvel essai",
  held: "le stockage attend une intervention",
};

function writeFlow({ flow, radio, reading }) {
  for (const name of ["received", "stored", "waiting", "quarantined"]) write($(name), words.number(flow[name], 0));
  const kinds = Object.entries(flow.kinds).filter(([kind]) => kind !== "own").sort((a, b) => b[1] - a[1]);
  const named = kinds.slice(0, 3).map(([kind, count]) => words.several(count, ...(vocabulary.kinds[kind] ?? [kind, kind])));
  const others = kinds.slice(3).reduce((sum, [, count]) => sum + count, 0);
  if (others) named.push(words.several(others, "autre", "autres"));
  write($("received-under"), named.join(", "));
  write($("stored-under"), flow.received ? `${percent(flow.stored, flow.received)} des événements reçus` : "");
  write($("waiting-under"), DELIVERY[flow.delivery]);
  $("waiting").closest(".tile").classList.toggle("warn", flow.delivery !== "flowing");
  const codes = Object.entries(flow.codes).sort((a, b) => b[1] - a[1]);
  write($("quarantined-under"), codes.length
    ? codes.slice(0, 3).map(([code, count]) => `${words.number(count, 0)}\u00a0: ${vocabulary.codes[code] ?? code}`).join(", ")
    : "rien à examiner");
  write($("lost"), words.number(radio.lost, 0));
  write($("lost-under"), radio.seen ? `${percent(radio.lost, radio.lost + radio.seen)} des trames émises, d’après leurs numéros` : "");
  $("flow").setAttribute("aria-busy", String(reading));
  writeSince(reading);
}

function writeSince(reading) {
  if (reading) write($("since"), "Lecture du journal en cours\u00a0: les lieux ne sont pas encore à jour.");
  else write($("since"), since === null ? "" : `Lieux et trames suivis ${words.sinceWhen(since, now())}`);
}

/** Write a share; never 0 % or 100 % for what is only nearly so. */
function percent(part, whole) {
  const share = (100 * part) / whole;
  if (part > 0 && share < 0.1) return "moins de 0,1\u202f%";
  return `${words.number(part < whole ? Math.min(share, 99.9) : 100, 1)}\u202f%`;
}

function tick() {
  if (document.hidden) return;
  for (const card of cards.values()) card.tick(now());
}

// The last day of a card is asked for when the card comes into view, and again when it has changed.
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) visible.add(entry.target.cardId);
    else visible.delete(entry.target.cardId);
  }
  askForDays();
}, { rootMargin: "300px" });

let asking = false;

async function askForDays() {
  if (asking || document.hidden) return;
  const due = [...visible].filter((id) => {
    const card = cards.get(id);
    return card && (!wanted.has(id) || (card.changed && now() - wanted.get(id) > DAYS_MS));
  }).slice(0, MOST_IDS);
  if (!due.length) return;
  asking = true;
  try {
    const answer = await fetch(`/api/days?${due.map((id) => `place=${id}`).join("&")}`);
    if (!answer.ok) return;
    const days = await answer.json();
    for (const id of due) {
      wanted.set(id, now());
      const card = cards.get(id);
      if (!card || !days[id]) continue;
      card.changed = false;
      card.setDays(days[id], now());
    }
  } catch {
    // the stream says that the connection is lost
  } finally {
    asking = false;
  }
}

let filterTimer;

function filterSoon() {
  filter();
  clearTimeout(filterTimer);
  filterTimer = setTimeout(() => {
    const shown = [...cards.values()].filter((card) => !card.element.hidden).length;
    write($("filter-result"), `${words.several(shown, "lieu affiché", "lieux affichés")} sur ${words.number(cards.size, 0)}`);
  }, 600);
}

/** Hide the cards in which some word of the filter is missing. */
function filter() {
  const asked = words.plain($("filter").value).split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const card of cards.values()) {
    const text = asked.length ? card.text : "";
    const hidden = !asked.every((word) => text.includes(word));
    card.element.hidden = hidden;
    shown += hidden ? 0 : 1;
  }
  const all = words.number(cards.size, 0);
  write($("count"), !cards.size ? "" : asked.length ? `${words.number(shown, 0)} sur ${all}` : all);
  $("empty").hidden = shown > 0;
  write($("empty"), cards.size ? "Aucun lieu ne répond à ce filtre." : "En attente du premier relevé…");
}

start();
