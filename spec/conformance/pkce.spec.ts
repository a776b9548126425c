import { requirements } from './pkce.ts';
import { prove } from './prove.ts';

prove(requirements);
