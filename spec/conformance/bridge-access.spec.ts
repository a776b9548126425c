import { requirements } from './bridge-access.ts';
import { prove } from './prove.ts';

prove(requirements);
