/** Round tick values from 0 to at least max, about count of them. */
export function ticks(max: number, count = 4): number[] {
  if (!(max > 0)) return [0];
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((s) => s * power >= rough) ?? 10) * power;
  const out: number[] = [];
  for (let i = 0; out.length === 0 || (out.at(-1) ?? 0) < max - step * 1e-9; i++) out.push(i * step);
  return out;
}
