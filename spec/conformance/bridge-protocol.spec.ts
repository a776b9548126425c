import { requirements } from './bridge-protocol.ts';
import { prove } from './prove.ts';

prove(requirements);
