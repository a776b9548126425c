import { requirements } from './login.ts';
import { prove } from './prove.ts';

prove(requirements);
