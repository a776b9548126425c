// Only where the sources run: in the build rollup puts the texts in this module's place.
import { bundlePage } from './page/bundle.mjs';

export const { script, style } = bundlePage();
