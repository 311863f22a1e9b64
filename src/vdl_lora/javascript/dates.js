// Dates in words, as far as codecs use them: American and French, in UTC or in French time. Evaluated where a codec
// names toLocaleString and its like; the engine's own knows neither languages nor time zones, and says nothing of it.
(function () {
  const HOUR = 3600000;
  const DATE = ["year", "month", "day"];
  const TIME = ["hour", "minute", "second"];

  // Summer time begins and ends at one o'clock UTC on the last Sundays of March and October, since 1996.
  function lastSunday(year, month) {
    const last = Date.UTC(year, month + 1, 0, 1);
    return last - new Date(last).getUTCDay() * 24 * HOUR;
  }
  function inParis(at) {
    const year = new Date(at).getUTCFullYear();
    return HOUR * (at >= lastSunday(year, 2) && at < lastSunday(year, 9) ? 2 : 1);
  }
  const ZONES = { UTC: () => 0, "Europe/Paris": inParis };

  function refuse(words) {
    const error = new RangeError(words);
    Object.defineProperty(error, "stack", { value: "" }); // its lines are ours, not the codec's
    throw error;
  }
  const two = (number) => String(number).padStart(2, "0");
  function american({ year, month, day, hour, minute, second }, { is2, twelve }) {
    const number = (name, value) => (is2(name) ? two(value) : String(value));
    const clock = twelve ? hour % 12 || 12 : hour;
    const rest = ":" + two(minute) + (second === undefined ? "" : ":" + two(second));
    return [
      number("month", month) + "/" + number("day", day) + "/" + year,
      (twelve && !is2("hour") ? String(clock) : two(clock)) + rest + (twelve ? (hour < 12 ? " AM" : " PM") : ""),
      ", ",
    ];
  }
  function french({ year, month, day, hour, minute, second }, { twelve }) {
    if (twelve) refuse("dates in French have 24 hours here");
    const time = two(hour) + ":" + two(minute) + (second === undefined ? "" : ":" + two(second));
    return [two(day) + "/" + two(month) + "/" + year, time, " "];
  }
  const LANGUAGES = { "en-US": [american, true], "fr-FR": [french, false], fr: [french, false] };

  function known(table, name) {
    if (Object.prototype.hasOwnProperty.call(table, name)) return table[name];
    refuse("dates in words are known for " + Object.keys(table).join(" and ") + " only, not for " + name);
  }
  // Whether a date and a time are shown, and their seconds: what is asked for, and what the method gives anyway.
  function shown(options, needs) {
    for (const name of Object.keys(options))
      if (![...DATE, ...TIME, "timeZone", "hour12"].includes(name)) refuse("dates in words know no " + name);
    for (const name of [...DATE, ...TIME])
      if (![undefined, "numeric", "2-digit"].includes(options[name]))
        refuse("dates in words know no " + name + " that is " + options[name]);
    const asked = (names) => names.filter((name) => options[name] !== undefined).length;
    const [date, time] = [asked(DATE), asked(TIME)];
    if (date % 3 !== 0 || (time > 0 && (options.hour === undefined || options.minute === undefined)))
      refuse("dates in words need a whole date, or hour and minute");
    const nothing = date + time === 0;
    const withTime = time > 0 || needs === TIME || (needs === undefined && nothing);
    return [date > 0 || needs === DATE || (needs === undefined && nothing), withTime, time === 0 || options.second !== undefined];
  }

  function define(name, needs) {
    const method = function (language, given) {
      const at = this.getTime();
      const options = given === undefined ? {} : given;
      const [words, hour12] = known(LANGUAGES, language === undefined ? "en-US" : Array.isArray(language) ? language[0] : language);
      const zone = known(ZONES, options.timeZone === undefined ? "UTC" : options.timeZone);
      const [withDate, withTime, withSeconds] = shown(options, needs);
      if (isNaN(at)) return "Invalid Date";
      const there = new Date(at + zone(at));
      const is2 = (part) => options[part] === "2-digit";
      const parts = {
        year: is2("year") ? two(there.getUTCFullYear() % 100) : there.getUTCFullYear(),
        month: there.getUTCMonth() + 1,
        day: there.getUTCDate(),
        hour: there.getUTCHours(),
        minute: there.getUTCMinutes(),
        second: withSeconds ? there.getUTCSeconds() : undefined,
      };
      const twelve = options.hour12 === undefined ? hour12 : options.hour12;
      const [date, time, between] = words(parts, { is2, twelve });
      return withDate && withTime ? date + between + time : withDate ? date : time;
    };
    Object.defineProperty(Date.prototype, name, { value: method, writable: true, configurable: true });
  }
  define("toLocaleString");
  define("toLocaleDateString", DATE);
  define("toLocaleTimeString", TIME);
})();
