// Numbers as text, and functions of scores.

/** Formats a number with a real minus sign and this many decimals. */
export const shown = (value: number, digits = 2): string =>
  Number.isFinite(value) ? value.toFixed(digits).replace("-", "\u2212") : "none";

/** Softmax of a row of scores log p(mutant) - log p(wild type): the predicted probabilities. */
export function probabilities(scores: readonly number[]): number[] {
  const top = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - top));
  const sum = powers.reduce((all, one) => all + one, 0);
  return powers.map((power) => power / sum);
}

/** Returns the information content in bits: log2 of the number of residues minus the entropy; 0 if all are equally likely. */
export function information(shares: readonly number[]): number {
  const entropy = shares.reduce((all, share) => (share > 0 ? all - share * Math.log2(share) : all), 0);
  return Math.log2(shares.length) - entropy;
}

/** Returns the mean of a row without the wild type's own zero; NaN if the row has nothing else. */
export function meanWithout(scores: readonly number[], wild: number): number {
  const others = scores.filter((_, column) => column !== wild);
  return others.length ? others.reduce((all, one) => all + one, 0) / others.length : NaN;
}

/** About `count` round numbers from low to high. */
export function roundSteps(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => (first + n) * step);
}

/** Returns the number of decimals that distinguish the steps. */
export function digitsFor(step: number): number {
  return step >= 1 || step <= 0 ? 0 : Math.min(6, Math.ceil(-Math.log10(step) - 1e-9));
}
