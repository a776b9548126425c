import uPlot from 'uplot';
import { byId, clock, say } from './dom.ts';
import type { Points } from '../seconds.ts';
import { duration } from '../words.ts';

interface Line {
  label: string;
  /** A colour of the style sheet. */
  color: string;
  fill?: boolean;
  /** Whether its points show, since they may stand alone. */
  dots?: boolean;
}

/** The two charts. They are pictures, of which the texts above them say the gist; numbers.ts has the rest. */
export class Charts {
  readonly #rate = new Chart(
    'rate-chart',
    String,
    [
      { label: 'accepted', color: '--good', fill: true },
      { label: 'refused', color: '--bad' },
    ],
    // Redirects come whole.
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
        ? 'none has ended'
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

  /** @param spoken A value as the axis has it. @param steps Between its values, where not any will do. */
  constructor(id: string, spoken: (value: number) => string, lines: readonly Line[], steps?: number[]) {
    this.#place = byId(id);
    this.#spoken = spoken;
    this.#steps = steps;
    this.#lines = lines;
    // Its colours are those of the style sheet, which it cannot follow itself.
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
        // Room for the last time of the axis.
        padding: [null, 28, null, null],
        scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.15 : 1] } },
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
