import { requirements } from './operator.ts';
import { prove } from './prove.ts';

prove(requirements);
