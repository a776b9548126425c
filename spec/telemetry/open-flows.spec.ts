import { OpenFlows } from '../../src/telemetry/open-flows.ts';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('open flows');

test('keeps a value from the beginning to the ending', () => {
  const flows = new OpenFlows<string>();
  flows.begin('1', 'one', 0, 100);
  assert.equal([flows.peek('1'), flows.end('1'), flows.end('1'), flows.size], ['one', 'one', undefined, 0]);
});

test('lets go of flows whose ending nobody tells of, and of no other', () => {
  const lost: number[] = [];
  const flows = new OpenFlows<number>((value) => lost.push(value));
  flows.begin('waits for ever', -1, 0);
  const often = 50_000;
  // Each begins a second after the one before and expires a minute later.
  for (let each = 0; each < often; each++)
    flows.begin(String(each), each, each * 1_000, each * 1_000 + 60_000);
  assert.ok(flows.size < 2_200, `${flows.size} are kept`);
  assert.is(lost.length, often + 1 - flows.size);
  assert.equal(
    lost,
    lost.map((_, index) => index),
  );
  assert.is(flows.peek('waits for ever'), -1);
  flows.clear();
  assert.is(flows.size, 0);
  assert.is(lost.length, often + 1);
});

test.run();
