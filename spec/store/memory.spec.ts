import { clockFrom } from '../../src/clock.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { virtualTime } from '../helpers/clock.ts';
import { storeContract } from './contract.ts';

storeContract('memoryStore', (body) => {
  const time = virtualTime();
  const store = memoryStore({ clock: clockFrom(time.scheduler) });
  return body({
    store,
    pass: (ms) => {
      time.advance(ms);
      return Promise.resolve();
    },
    quiet: () => Promise.resolve(),
  });
});
