import uPlot from 'uplot';
import { byId, clock, say } from './dom.ts';
import type { Points } from '../seconds.ts';
import { duration } from '../wording.ts';

interface Line {
  label: string;
  /** CSS variable with the colour. */
  color: string;
  fill?: boolean;
  /** Shows each point, because a point without neighbours has no line. */
  dots?: boolean;
}

/** The two charts. The text above each one summarizes it for screen readers; `Numbers` has all values. */
export class Charts {
  readonly #rate = new Chart(
    'rate-chart',
    String,
    [
      { label: 'accepted', color: '--good', fill: true },
      { label: 'refused', color: '--bad' },
    ],
    // Integers, because redirects have no fractions.
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000],
  );
  readonly #wait = new Chart('wait-chart', (seconds) => (seconds === 0 ? '0' : duration(seconds * 1_000)), [
    { label: 'median', color: '--accent', dots: true },
    { label: 'longest', color: '--warn', dots: true },
  ]);

  show({ x, accepted, refused, median, longest }: Points): void {
    this.#rate.show([x, accepted, refused]);
    this.#wait.show([x, median, longest]);
    const all = accepted.map((count, index) => count + (refused[index] ?? 0));
    say(byId('rate'), `now ${all.at(-1) ?? 0}, peak ${Math.max(...all)}`);
    const known = longest.filter((wait) => wait !== null);
    const last = median.filter((wait) => wait !== null).at(-1);
    const told =
      last === undefined
        ? 'no flow has ended'
        : `median ${duration(last * 1_000)}, longest ${duration(Math.max(...known) * 1_000)}`;
    say(byId('wait'), told);
  }
}

class Chart {
  readonly #place: HTMLElement;
  readonly #lines: readonly Line[];
  readonly #spoken: (value: number) => string;
  readonly #steps: number[] | undefined;
  #plot: uPlot | undefined;
  #data: uPlot.AlignedData = [[]];

  /** @param spoken Formats a value of the axis. @param steps Allowed distances of the axis values. @default any */
  constructor(id: string, spoken: (value: number) => string, lines: readonly Line[], steps?: number[]) {
    this.#place = byId(id);
    this.#spoken = spoken;
    this.#steps = steps;
    this.#lines = lines;
    // uPlot draws on a canvas, which does not follow the colours of the style sheet.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    new ResizeObserver(() => this.#fit()).observe(this.#place);
  }

  show(data: uPlot.AlignedData): void {
    this.#data = data;
    if (this.#plot) this.#plot.setData(data);
    else this.#draw();
  }

  #fit(): void {
    const { clientWidth: width, clientHeight: height } = this.#place;
    if (this.#plot && width > 0) this.#plot.setSize({ width, height });
  }

  #draw(): void {
    const { clientWidth: width, clientHeight: height } = this.#place;
    const colors = getComputedStyle(document.documentElement);
    const color = (name: string): string => colors.getPropertyValue(name).trim();
    const axis: uPlot.Axis = {
      stroke: color('--soft'),
      font: '12px system-ui',
      grid: { stroke: color('--line'), width: 1 },
      ticks: { stroke: color('--line'), width: 1 },
    };
    this.#plot?.destroy();
    this.#plot = new uPlot(
      {
        width,
        height,
        cursor: { show: false },
        legend: { show: false },
        // Space for the last label of the time axis.
        padding: [null, 28, null, null],
        scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.15 : 1] } },
        axes: [
          {
            ...axis,
            space: 72,
            size: 28,
            values: (_plot, times) => times.map((time) => clock.format(time * 1_000)),
          },
          {
            ...axis,
            space: 36,
            size: 64,
            ...(this.#steps && { incrs: this.#steps }),
            values: (_plot, values) => values.map((value) => this.#spoken(value)),
          },
        ],
        series: [
          {},
          ...this.#lines.map((line): uPlot.Series => {
            const stroke = color(line.color);
            return {
              label: line.label,
              stroke,
              width: 1.5,
              points: { show: line.dots ?? false, size: 4, fill: stroke },
              ...(line.fill && { fill: `${stroke}33` }),
            };
          }),
        ],
      },
      this.#data,
      this.#place,
    );
  }
}
