import { requirements } from './http-requests.ts';
import { prove } from './prove.ts';

prove(requirements);
