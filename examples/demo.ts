/**
 * `npm run demo`: six sign-ins of two programs at one callback server, a seventh of a program that is connected over the
 * bridge, a monitor that looks on, and an attacker in between.
 *
 * `npm run demo -- --json` prints each event as a line of JSON, the last one of type `summary`. The command
 * `rx-oauth-callback demo` is the same, and with `--browser` you click through it yourself.
 */
import { parseArgs } from 'node:util';
import { jsonReport, textReport } from './demo/report.ts';
import { runDemo } from './demo/run.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const report = values.json ? jsonReport(process.stdout) : textReport(process.stdout);
process.exitCode = (await runDemo(report)) ? 0 : 1;
