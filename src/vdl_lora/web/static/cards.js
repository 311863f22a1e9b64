// The cards of places: made once, then only what changed is written, so that focus and selection stay.

import { drawPlot, makePlot } from "./plot.js";
import * as words from "./words.js";

const DAY_MS = 86_400_000;

/** Make an element with a class and text. */
export function make(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text) element.textContent = text;
  return element;
}

/** Write text only where it differs: screen readers and selections are left in peace. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** One device at one place. */
export class Card {
  constructor(vocabulary) {
    this.vocabulary = vocabulary;
    this.rows = new Map();
    this.days = {};
    this.drawnFor = 0;
    this.element = make("article", "card");
    this.commune = make("p", "commune");
    this.title = make("h3");
    this.about = make("p", "quiet about");
    this.when = make("p", "when");
    this.whenTime = make("time");
    this.whenWords = make("span");
    this.when.append(this.whenTime, this.whenWords);
    this.trouble = make("p", "flag");
    this.list = make("ul", "values");
    this.radio = make("p", "quiet radio");
    this.foot = make("div", "card-foot");
    this.details = make("details");
    this.summary = make("summary", "", "Détails");
    this.table = make("div");
    this.details.append(this.summary, this.table);
    this.details.addEventListener("toggle", () => this.writeDetails());
    this.element.append(this.commune, this.title, this.about, this.when, this.trouble, this.list, this.foot);
    this.foot.append(this.radio, this.details);
  }

  /** Take what the server says of the place; tell whether its plots are older than its values. */
  update(place, now) {
    this.place = place;
    this.element.id = `lieu-${place.id}`;
    this.title.id = `titre-${place.id}`;
    this.element.setAttribute("aria-labelledby", this.title.id);
    write(this.title, place.name);
    write(this.commune, place.tags.commune ?? "");
    this.commune.hidden = !place.tags.commune;
    const site = Object.entries(place.tags).filter(([name]) => name !== "commune").map(([, text]) => text);
    write(this.about, [...site, place.model].filter(Boolean).join(" · "));
    this.summary.setAttribute("aria-label", `Détails\u00a0: ${place.name}`);
    const kept = new Set();
    for (const each of place.values) {
      const key = `${each.quantity} ${each.channel}`;
      kept.add(key);
      const row = this.rows.get(key) ?? this.addRow(key, each);
      row.update(each);
      this.append(key, each);
    }
    for (const [key, row] of this.rows) {
      if (!kept.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
    this.place.values.forEach((each, index) => {
      const { element } = this.rows.get(`${each.quantity} ${each.channel}`);
      if (this.list.children[index] !== element) this.list.insertBefore(element, this.list.children[index] ?? null);
    });
    this.writeTrouble();
    this.writeRadio();
    this.writeDetails();
    this.tick(now);
    this.draw(now);
  }

  addRow(key, each) {
    const quantity = this.vocabulary.quantities[each.quantity];
    const row = new Row(quantity, each.channel, this.vocabulary.flags);
    this.rows.set(key, row);
    return row;
  }

  /** Show ages; they grow without any news. */
  tick(now) {
    const { values, heard } = this.place;
    const newest = Math.max(...values.map((each) => each.at), 0) || heard;
    this.when.hidden = !newest;
    if (newest) {
      write(this.whenTime, `${values.length ? "Relevé" : "Entendu"} ${words.age(newest, now)}`);
      this.whenTime.dateTime = new Date(newest).toISOString();
      this.whenTime.title = words.fullTime(newest);
    }
    write(this.whenWords, values.length ? ` · ${standing(values)}` : "");
    for (const row of this.rows.values()) row.tick(newest, now, values);
  }

  /** Take the last day of all values as the server keeps it. */
  setDays(days, now) {
    this.days = days;
    this.draw(now);
  }

  /** Add the newest value to the day, until the server is asked again. */
  append(key, each) {
    const day = this.days[key];
    if (day && typeof each.value !== "object" && each.standing !== "quarantined" && each.at > (day.at(-1)?.[0] ?? 0)) {
      day.push([each.at, Number(each.value)]);
    }
  }

  draw(now) {
    this.drawnFor = now;
    const first = Math.min(...Object.values(this.days).map((day) => day.find(([at]) => at >= now - DAY_MS)?.[0] ?? now));
    const until = Math.max(now, ...Object.values(this.days).map((day) => day.at(-1)?.[0] ?? 0));
    const from = Math.min(first, until - 60_000);
    const span = from - (until - DAY_MS) < 3_600_000 ? "24\u202fh" : words.sinceWhen(from, until);
    for (const [key, row] of this.rows) row.draw(this.days[key], from, until, span);
  }

  writeTrouble() {
    const { trouble, clock } = this.place;
    const said = [];
    if (trouble) said.push(`Dernier uplink en quarantaine\u00a0: ${this.vocabulary.codes[trouble] ?? trouble}`);
    if (clock) said.push("Heure du dernier uplink corrigée");
    write(this.trouble, said.join(" · "));
    this.trouble.hidden = !said.length;
  }

  writeRadio() {
    const { rssi, snr, gateways, lost, seen } = this.place;
    const said = [];
    if (rssi !== null) said.push(`${words.number(rssi, 0)}\u202fdBm`);
    if (snr !== null) said.push(`${words.number(snr, 1)}\u202fdB`);
    if (gateways !== null) said.push(words.several(gateways, "passerelle", "passerelles"));
    if (lost) said.push(`${words.several(lost, "trame manquante", "trames manquantes")} sur ${words.number(lost + seen, 0)}`);
    else if (seen) said.push("aucune trame manquante");
    write(this.radio, said.length ? `Radio\u00a0: ${said.join(" · ")}` : "");
    this.radio.hidden = !said.length;
  }

  writeDetails() {
    if (!this.details.open) return;
    const { place } = this;
    const facts = [
      ["DevEUI", place.dev_eui],
      ["Lieu", place.place || "pas encore nommé"],
      ["Dernier uplink", place.heard ? words.fullTime(place.heard) : "aucun"],
      ["Uplinks reçus", words.number(place.seen, 0)],
      ["Trames manquantes", words.number(place.lost, 0)],
      ["En quarantaine", words.number(place.quarantined, 0)],
    ];
    for (const each of place.values) {
      const quantity = this.vocabulary.quantities[each.quantity];
      facts.push([quantity.label + words.channel(each.channel), `${words.fullTime(each.at)}, ${STANDINGS[each.standing]}`]);
    }
    const list = make("dl");
    for (const [name, text] of facts) list.append(make("dt", "", name), make("dd", "", text));
    this.table.replaceChildren(list);
  }

  /** The text in which the filter looks. */
  get text() {
    const { name, model, place, dev_eui: devEui, tags, values } = this.place;
    const labels = values.map((each) => this.vocabulary.quantities[each.quantity].label);
    return words.plain([name, model, place, devEui, ...Object.values(tags), ...labels].join(" "));
  }
}

const STANDINGS = { stored: "stocké", waiting: "en attente de stockage", quarantined: "en quarantaine, non stocké" };

function standing(values) {
  const all = new Set(values.map((each) => each.standing));
  if (all.size === 1) return STANDINGS[values[0].standing];
  return all.has("quarantined") ? "en partie non stocké" : "en partie stocké";
}

/** One quantity of a card. */
class Row {
  constructor(quantity, channel, flags) {
    this.quantity = quantity;
    this.flags = flags;
    this.element = make("li", "value");
    this.label = make("span", "label", quantity.label + words.channel(channel));
    this.number = make("span", "reading");
    this.flag = make("span", "flag");
    this.own = make("span", "quiet own");
    this.figure = make("figure");
    this.plot = makePlot();
    this.caption = make("figcaption", "quiet");
    this.caption.setAttribute("aria-hidden", "true"); // the plot's own label says the same, and what it is about
    this.figure.append(this.plot, this.caption);
    const said = make("div", "said");
    said.append(this.label, this.number, this.flag, this.own);
    this.element.append(said, this.figure);
  }

  update(each) {
    const text = each.value === null ? "pas de valeur" : words.value(each.value, this.quantity);
    if (this.number.textContent && this.number.textContent !== text) {
      this.number.classList.remove("fresh");
      void this.number.offsetWidth; // so that the animation begins anew
      this.number.classList.add("fresh");
    }
    write(this.number, text);
    this.number.classList.toggle("none", each.value === null);
    const flags = (each.flag ?? "").split("+").filter(Boolean).map((code) => this.flags[code] ?? code);
    write(this.flag, flags.join(", "));
    this.flag.hidden = !flags.length;
    this.each = each;
  }

  /** Say age and standing only where they are not the card's. */
  tick(newest, now, values) {
    const own = [];
    if (newest - this.each.at >= 60_000) own.push(words.age(this.each.at, now));
    if (new Set(values.map((each) => each.standing)).size > 1) own.push(STANDINGS[this.each.standing]);
    write(this.own, own.join(" · "));
    this.own.hidden = !own.length;
  }

  draw(points, from, until, span) {
    this.figure.hidden = !points || points.length < 2;
    if (this.figure.hidden) return;
    write(this.caption, `${span}\u00a0: ${drawPlot(this.plot, points, this.quantity, from, until)}`);
  }
}
