import uPlot from 'uplot';
import { spanLength } from '../seconds.ts';
import { byId, clock } from './dom.ts';

/** Line of a chart, or one of the parts of its bars. */
export interface Line {
  label: string;
  /** CSS variable with the colour. */
  color: string;
  fill?: boolean;
  /** Shows each point, because a point without neighbours has no line. */
  dots?: boolean;
}

const paths = uPlot.paths.bars?.({ size: [0.8, Infinity] });
const barPaths = paths && { paths };

/** Leaves room for the halves of the first and the last bar. */
function aroundBars(_plot: uPlot, min: number, max: number): uPlot.Range.MinMax {
  return [min - spanLength / 2, max + spanLength / 2];
}

/** A chart over time on a canvas. */
export class Chart {
  readonly #place: HTMLElement;
  readonly #lines: readonly Line[];
  readonly #spoken: (value: number) => string;
  readonly #steps: number[] | undefined;
  readonly #shape: 'lines' | 'bars';
  #plot: uPlot | undefined;
  #data: uPlot.AlignedData = [[]];

  /** @param spoken Formats a value of the axis. @param steps Allowed distances of the axis values. @default any */
  constructor(
    id: string,
    spoken: (value: number) => string,
    lines: readonly Line[],
    steps?: number[],
    shape: 'lines' | 'bars' = 'lines',
  ) {
    this.#shape = shape;
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
    const bars = this.#shape === 'bars';
    this.#plot?.destroy();
    this.#plot = new uPlot(
      {
        width,
        height,
        cursor: { show: false },
        legend: { show: false },
        // Space for the last label of the time axis.
        padding: [null, 28, null, null],
        scales: {
          ...(bars && { x: { range: aroundBars } }),
          y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.15 : 1] },
        },
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
              ...(bars && { fill: stroke, width: 0, points: { show: false }, ...barPaths }),
            };
          }),
        ],
      },
      this.#data,
      this.#place,
    );
  }
}
