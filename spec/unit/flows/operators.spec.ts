import { catchError, map, of, share, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import {
  AuthorizationError,
  CallbackResponse,
  ofState,
  orThrow,
  type Disposition,
} from '../../../src/index.ts';
import { Redirect } from '../../../src/model/redirect.ts';
import * as assert from '../../helpers/assert.ts';
import { record } from '../../helpers/record.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const marbles = (run: Parameters<TestScheduler['run']>[0]): void => {
  // Responses are compared by identity: their fields are private.
  new TestScheduler((actual, expected) => assert.equal(actual, expected)).run(run);
};

const [mine, other] = [newState(), newState()];
const redirect = (state: string, disposition: Disposition = 'accepted') =>
  new Redirect(disposition, new CallbackResponse({ code: 'code', state }), 0);

const redirects = {
  a: redirect(mine),
  b: redirect(mine),
  o: redirect(other),
  d: redirect(mine, 'duplicate'),
  u: redirect(mine, 'unmatched'),
  l: redirect(mine, 'late'),
  m: redirect(mine, 'malformed'),
  r: redirect(mine, 'refused'),
};
const responses = { a: redirects.a.response, b: redirects.b.response };

const filter = suite('ofState on any stream of redirects');

filter('takes the accepted response of its state, once, and completes', () => {
  marbles(({ hot, expectObservable, expectSubscriptions }) => {
    const source = hot('-o-a-b-|', redirects);
    expectObservable(source.pipe(ofState(mine))).toBe('---(a|)', responses);
    expectSubscriptions(source.subscriptions).toBe('^--!');
  });
});

filter('ignores redirects that were not accepted', () => {
  marbles(({ hot, expectObservable }) => {
    const source = hot('-d-u-l-m-r-a', redirects);
    expectObservable(source.pipe(ofState(mine))).toBe('-----------(a|)', responses);
  });
});

filter('completes empty with its source', () => {
  marbles(({ cold, expectObservable }) => {
    expectObservable(cold('-o-d-|', redirects).pipe(ofState(mine))).toBe('-----|');
  });
});

filter('hands on an error of its source', () => {
  marbles(({ cold, expectObservable }) => {
    expectObservable(cold('-o-#', redirects).pipe(ofState(mine))).toBe('---#');
  });
});

filter('keeps several states of one shared stream apart', () => {
  marbles(({ hot, expectObservable }) => {
    const source = hot('-o-a-', redirects).pipe(share());
    expectObservable(source.pipe(ofState(mine))).toBe('---(a|)', responses);
    expectObservable(source.pipe(ofState(other))).toBe('-(o|)', { o: redirects.o.response });
  });
});

filter('has no effect before it is subscribed', () => {
  marbles(({ hot, expectObservable }) => {
    const source = hot('-a-b-', redirects);
    expectObservable(source.pipe(ofState(mine)), '--^').toBe('---(b|)', responses);
  });
});

const thrower = suite('orThrow');

const good = new CallbackResponse({ code: 'code', state: mine });
const bad = new CallbackResponse({ error: 'access_denied', error_description: 'No way', state: mine });

/** The error's class and its wire field as a value, for the sake of comparison. */
const caught = (stream: Observable<CallbackResponse>) =>
  stream.pipe(
    map(() => 'response'),
    catchError((error: unknown) =>
      of(error instanceof AuthorizationError ? `thrown ${error.error}` : 'another error'),
    ),
  );

thrower('lets a response without an error pass', () => {
  marbles(({ cold, expectObservable }) => {
    expectObservable(cold('-g-|', { g: good }).pipe(orThrow())).toBe('-g-|', { g: good });
  });
});

thrower('throws an AuthorizationError for a response with one', () => {
  marbles(({ cold, expectObservable, expectSubscriptions }) => {
    const source = cold('-g-b-g-|', { g: good, b: bad });
    expectObservable(caught(source.pipe(orThrow()))).toBe('-g-(b|)', {
      g: 'response',
      b: 'thrown access_denied',
    });
    expectSubscriptions(source.subscriptions).toBe('^--!');
  });
});

thrower('carries the wire fields', () => {
  const { ending } = record(of(bad).pipe(orThrow()));
  const { error } = ending as { error: AuthorizationError };
  assert.equal(
    [error.error, error.error_description, error.state, error.code],
    ['access_denied', 'No way', mine, 'authorization_error'],
  );
});

thrower('composes with ofState', () => {
  marbles(({ hot, expectObservable }) => {
    const source = hot('-x-', { x: new Redirect('accepted', bad, 0) });
    expectObservable(caught(source.pipe(ofState(mine), orThrow()))).toBe('-(x|)', {
      x: 'thrown access_denied',
    });
  });
});

filter.run();
thrower.run();
