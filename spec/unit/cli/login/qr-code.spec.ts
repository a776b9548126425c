import { qrCode } from '../../../../src/cli/login/qr-code.ts';
import * as assert from '../../../helpers/assert.ts';
import { suite } from '../../../helpers/suite.ts';

const test = suite('QR code on a terminal');
const uri = 'https://as.example/device?user_code=WDJB-MJHT';

test('has lines of one length, with the corners that a scanner looks for', () => {
  const lines = qrCode(uri, 80)!;
  const [width = 0] = lines.map(({ length }) => length);
  assert.ok(lines.every(({ length }) => length === width));
  const corners = lines.filter((line) => line.includes('█ ▄▄▄▄▄ █'));
  assert.equal(corners.length, 2, 'two in the first such line, and one below');
  assert.is(corners[0]?.split('█ ▄▄▄▄▄ █').length, 3);
  assert.not.equal(lines, qrCode(`${uri}x`, 80));
});

test('is left out if lines would wrap, and takes the usual width if a terminal does not say its own', () => {
  const width = qrCode(uri, 200)![0]!.length;
  assert.ok(qrCode(uri, width + 2));
  assert.is(qrCode(uri, width + 1), undefined);
  assert.ok(qrCode(uri, 0));
  assert.ok(qrCode(uri, undefined));
});

test.run();
