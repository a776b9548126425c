/**
 * `npm run conformance`: runs spec/conformance and the other spec files that prove a requirement, and prints each
 * requirement with its outcome, demand and source.
 *
 * Exits with 1 if a requirement is open, or if the test command rejects a spec. Arguments go to the test command.
 */
import { catalogue } from './conformance/catalogue.ts';
import { report } from './conformance/report.ts';

process.exitCode = report(catalogue, process.argv.slice(2));
const checks = catalogue.flatMap((requirement) => requirement.checks);
const twins = checks.flatMap((check) => check.twins);
console.log(`${checks.length} checks in spec/conformance, and ${twins.length} twins that they must reject`);
