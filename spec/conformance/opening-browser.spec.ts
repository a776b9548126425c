import { requirements } from './opening-browser.ts';
import { prove } from './prove.ts';

prove(requirements);
