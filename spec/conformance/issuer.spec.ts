import { requirements } from './issuer.ts';
import { prove } from './prove.ts';

prove(requirements);
