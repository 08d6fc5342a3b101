// Formats numbers with their units, separated by a non-breaking space.

const NARROW = "\u202f";
const DASH = "–";

const grouped = (digits) => {
  const format = new Intl.NumberFormat("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return (number) => format.format(number);
};
const whole = grouped(0);
const tenths = grouped(1);
const hundredths = grouped(2);
const thousandths = grouped(3);

/** Three significant digits, and at most three decimals. */
function threeDigits(number) {
  const size = Math.abs(number);
  if (size >= 99.95 || size === 0) return whole(number);
  if (size >= 9.995) return tenths(number);
  return size >= 0.9995 ? hundredths(number) : thousandths(number);
}

const format = {
  count: whole,
  /** A number that names something: no groups. */
  id: (number) => String(number),
  rate: threeDigits,
  ms: (ms) =>
    ms >= 999.5 ? `${threeDigits(ms / 1000)}${NARROW}s` : `${threeDigits(ms)}${NARROW}ms`,
  /** Seconds that were set. */
  seconds: (seconds) =>
    seconds >= 120 && seconds % 60 === 0
      ? `${whole(seconds / 60)}${NARROW}min`
      : `${Number.isInteger(seconds) ? whole(seconds) : threeDigits(seconds)}${NARROW}s`,
  /** Seconds that were measured. */
  elapsed: (seconds) => `${tenths(seconds)}${NARROW}s`,
  /** Never rounded up, which would hide what is missing. */
  share: (share) => `${tenths(Math.floor(share * 1000 + 1e-9) / 10)}${NARROW}%`,
  bytes: (bytes) => `${tenths(bytes / 2 ** 30)}${NARROW}GiB`,
  date: (seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`,
  text: (text) => text,
  /** A key of the JSON: asDeployed is "as deployed". */
  words: (key) => key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
  yes: (yes) => (yes ? "yes" : "no"),
  verdict: (pass) => (pass ? "PASS" : "FAIL"),
};
