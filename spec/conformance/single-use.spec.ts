import { requirements } from './single-use.ts';
import { prove } from './prove.ts';

prove(requirements);
