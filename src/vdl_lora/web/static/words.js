// Numbers, times and names as they are written in French. No DOM.

const THIN = "\u202f";
const NUMBERS = new Map();
const RELATIVE = new Intl.RelativeTimeFormat("fr-FR", { numeric: "always", style: "short" });
const ZONE = "Europe/Paris";
const FULL = new Intl.DateTimeFormat("fr-FR", { dateStyle: "long", timeStyle: "medium", timeZone: ZONE });
const CLOCK = new Intl.DateTimeFormat("fr-FR", { hour: "2-digit", minute: "2-digit", timeZone: ZONE });
const CLOCK_S = new Intl.DateTimeFormat("fr-FR", { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: ZONE });
const DAY_CLOCK = new Intl.DateTimeFormat("fr-FR", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: ZONE });
const DAY = new Intl.DateTimeFormat("fr-FR", { dateStyle: "short", timeZone: ZONE });

/** Write a number with at most so many decimals. */
export function number(value, decimals = 3) {
  let format = NUMBERS.get(decimals);
  if (!format) {
    format = new Intl.NumberFormat("fr-FR", { maximumFractionDigits: decimals });
    NUMBERS.set(decimals, format);
  }
  return format.format(value).replace("-", "\u2212");
}

/** Write a number of things: "1 trame", "3 trames"; zero is singular in French. */
export function several(count, one, many) {
  return `${number(count, 0)}${THIN}${Math.abs(count) >= 2 ? many : one}`;
}

/** Write a value of a quantity with its unit. */
export function value(given, quantity) {
  if (quantity.type === "bool") return quantity.states[given ? 1 : 0];
  const decimals = quantity.kind === "gauge" && Math.abs(given) < 0.01 ? 6 : quantity.unit === "°" ? 5 : 3;
  return quantity.unit ? `${number(given, decimals)}${THIN}${quantity.unit}` : number(given, decimals);
}

/** Write how long ago a time was. */
export function age(at, now) {
  const s = (now - at) / 1000;
  const size = Math.abs(s);
  if (size < 10) return "à l’instant";
  const sign = s < 0 ? 1 : -1;
  if (size < 60) return RELATIVE.format(sign * Math.floor(size / 10) * 10, "second");
  if (size < 3600) return RELATIVE.format(sign * Math.floor(size / 60), "minute");
  if (size < 48 * 3600) return RELATIVE.format(sign * Math.floor(size / 3600), "hour");
  return RELATIVE.format(sign * Math.floor(size / 86400), "day");
}

/** Write a time in full. */
export function fullTime(at) {
  return FULL.format(at);
}

/** Write from when on: a time of day, with the day where it is not today. */
export function sinceWhen(at, now) {
  return DAY.format(at) === DAY.format(now) ? `depuis ${CLOCK.format(at)}` : `depuis le ${DAY_CLOCK.format(at)}`;
}

/** Write a time of day to the second. */
export function clockSeconds(at) {
  return CLOCK_S.format(at);
}

/** Give a channel's name as people read it; nothing for the only one. */
export function channel(name) {
  return name === "main" ? "" : ` · ${name.replaceAll("_", " ")}`;
}

/** Give text without accents and capitals, to be compared. */
export function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
