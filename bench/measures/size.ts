import { bundle } from '../../spec/helpers/bundle.ts';
import type { Measure } from '../context.ts';
import { short } from '../table.ts';

// Of oauth-callback's bundle.
const theirs = 48.6;

export const size: Measure = async () => {
  const { bytes } = await bundle('src/index.ts');
  return [
    {
      measure: 'size',
      what: 'core, minified and compressed, without rxjs',
      value: bytes,
      unit: 'B',
      reach: { most: 8_192 },
      ours: `${short(bytes / 1024)} KB`,
      against: `oauth-callback ${theirs} KB`,
    },
  ];
};
