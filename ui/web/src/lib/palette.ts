// Colours that people with any colour vision tell apart, and a pattern beside
// each so that colour is never the only sign. A name keeps its place within an
// answer: places follow the order of cost.

export const seriesCount = 12;

/** The CSS class of the nth series: six colours, plain then hatched. */
export const seriesClass = (n: number): string => `series-${n % 6}`;
export const seriesPattern = (n: number): "plain" | "lines" => (n % 12 < 6 ? "plain" : "lines");
