import { requirements } from './watch.ts';
import { prove } from './prove.ts';

prove(requirements);
