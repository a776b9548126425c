import { bundle, coreBudget } from '../../spec/helpers/bundle.ts';
import type { Measure } from '../context.ts';
import { short } from '../table.ts';

// Size of the bundle of oauth-callback, in KB.
const theirs = 48.6;

export const size: Measure = async () => {
  const { bytes } = await bundle('src/index.ts');
  return [
    {
      measure: 'size',
      what: 'core, minified and compressed, without rxjs',
      value: bytes,
      unit: 'B',
      reach: { most: coreBudget },
      ours: `${short(bytes / 1024)} KB`,
      against: `oauth-callback ${theirs} KB`,
    },
  ];
};
