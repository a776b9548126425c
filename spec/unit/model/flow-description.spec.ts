import fc from 'fast-check';
import { InvalidOptionError } from '../../../src/index.ts';
import { readDescription } from '../../../src/model/flow-description.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('description of a flow');

test('is undefined without names, so that most flows take no memory for it', () => {
  assert.is(readDescription({}), undefined);
});

type Read = typeof readDescription;

/** Labels that `read` takes and that would disturb the text around them. */
function disturbing(read: Read): string[] {
  const seen: string[] = [];
  const parts = fc.oneof(
    fc.constantFrom('\n', '\x1b', '\u202e', '\u2028', '\ufeff', '\ud800', '\u{e0041}'),
    fc.string({ unit: 'binary', maxLength: 3 }),
    fc.string({ maxLength: 30 }),
  );
  const labels = fc.array(parts, { minLength: 1, maxLength: 6 }).map((each) => each.join(''));
  fc.assert(
    fc.property(labels, (label) => {
      try {
        read({ label });
      } catch (error) {
        assert.instance(error, InvalidOptionError);
        return;
      }
      const visible = label.replace(/[\u200c\u200d]/g, '');
      if (/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(visible) || label.length > 200) seen.push(label);
    }),
    { numRuns: 2_000, seed: 1 },
  );
  return seen;
}

test('takes no label that disturbs the text around it', () => {
  assert.equal(disturbing(readDescription), []);
});

test('a twin that takes format characters is found', async () => {
  const twin = (await weakenedModule(
    'model/flow-description.ts',
    edit('[^\\p{Cc}\\p{Cf}\\p{Cs}', '[^\\p{Cc}\\p{Cs}'),
  )) as { readDescription: Read };
  assert.ok(disturbing(twin.readDescription).length > 0);
});

test('takes names in any script, and joined emojis', () => {
  for (const label of ['GitHub', '日本語', 'می‌خواهم', '👩‍👩‍👧', 'a'.repeat(100), '😀'.repeat(100)])
    assert.equal(readDescription({ label }), { label, serverUrl: undefined });
});

test.run();
