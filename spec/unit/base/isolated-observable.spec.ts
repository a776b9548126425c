import {
  catchError,
  EMPTY,
  firstValueFrom,
  map,
  of,
  ReplaySubject,
  Subject,
  switchMap,
  take,
  tap,
  type Observer,
} from 'rxjs';
import { IsolatedObservable } from '../../../src/base/isolated-observable.ts';
import * as assert from '../../helpers/assert.ts';
import { record } from '../../helpers/record.ts';
import { suite } from '../../helpers/suite.ts';

function bench() {
  const source = new Subject<number>();
  const reported: unknown[] = [];
  const stream = new IsolatedObservable<number>(
    (error) => void reported.push(error),
    (subscriber) => source.subscribe(subscriber),
  );
  return { source, stream, reported };
}

const failure = new Error('my mistake');
const fail = (): never => {
  throw failure;
};

/** RxJS throws what a subscriber throws from a timer; by then that has fired. */
const timersHaveFired = () => new Promise((resolve) => setTimeout(resolve, 1));

const test = suite('IsolatedObservable');

test('is an Observable like any other', async () => {
  const { source, stream } = bench();
  const all = record(stream);
  const first = firstValueFrom(stream);
  const heard: unknown[] = [];
  stream.subscribe((value) => heard.push(value));
  stream.subscribe({ complete: () => heard.push('completed') });
  // eslint-disable-next-line rxjs-x/prefer-observer -- the older form, which users still write
  stream.subscribe(
    (value) => heard.push(value),
    null,
    () => heard.push('completed'),
  );
  const subject = new ReplaySubject<number>(1);
  stream.subscribe(subject);
  stream.subscribe();
  source.next(1);
  source.complete();
  assert.equal([all.values, all.ending], [[1], { completed: true }]);
  assert.is(await first, 1);
  assert.equal(heard, [1, 1, 'completed', 'completed']);
  assert.equal(record(subject).values, [1]);
});

const throwing: readonly (readonly [string, Partial<Observer<number>>, (source: Subject<number>) => void])[] =
  [
    ['next', { next: fail }, (source) => source.next(1)],
    ['error', { error: fail }, (source) => source.error(new Error('of the source'))],
    ['complete', { complete: fail }, (source) => source.complete()],
  ];

for (const [handler, observer, send] of throwing) {
  test(`I-01 reports an exception in a ${handler} handler, and serves the others`, async () => {
    const { source, stream, reported } = bench();
    const before = record(stream);
    stream.subscribe(observer);
    const after = record(stream);
    send(source);
    await timersHaveFired();
    assert.is(reported.length, 1);
    assert.is(reported[0], failure);
    assert.equal(before.values, after.values);
    assert.is(before.endings, after.endings);
    assert.is(before.values.length + before.endings, 1);
  });
}

test('I-01 keeps a subscriber that throws subscribed', () => {
  const { source, stream, reported } = bench();
  let calls = 0;
  stream.subscribe(() => {
    calls++;
    fail();
  });
  source.next(1);
  source.next(2);
  assert.equal([calls, reported.length], [2, 2]);
});

test('I-01 reports an error that no subscriber handles', async () => {
  const { source, stream, reported } = bench();
  stream.subscribe();
  stream.subscribe(() => undefined);
  stream.subscribe({ complete: () => undefined });
  source.error(failure);
  await timersHaveFired();
  assert.is(reported.length, 3);
  assert.ok(reported.every((error) => error === failure));
});

test('reports no error that is handled', async () => {
  const { source, stream, reported } = bench();
  const all = record(stream);
  const caught = record(stream.pipe(catchError(() => of(7))));
  source.error(failure);
  await timersHaveFired();
  assert.is((all.ending as { error: unknown }).error, failure);
  assert.equal([caught.values, reported.length], [[7], 0]);
});

test('I-01 reports an exception in a piped chain that has no error handler', async () => {
  const { source, stream, reported } = bench();
  stream.pipe(map(fail)).subscribe();
  stream
    .pipe(
      take(5),
      switchMap((value) => of(value)),
      tap(fail),
    )
    .subscribe(() => undefined);
  stream.pipe(map((value) => value + 1)).subscribe(fail);
  const other = record(stream);
  source.next(1);
  source.next(2);
  await timersHaveFired();
  // The first two chains end with their exception, the third goes on.
  assert.is(reported.length, 4);
  assert.ok(reported.every((error) => error === failure));
  assert.equal(other.values, [1, 2]);
});

test('hands an exception in a piped chain to its error handler', async () => {
  const { source, stream, reported } = bench();
  const chain = record(stream.pipe(map(fail)));
  source.next(1);
  await timersHaveFired();
  assert.is((chain.ending as { error: unknown }).error, failure);
  assert.equal(reported, []);
});

test('unsubscribes from its source', () => {
  const { source, stream } = bench();
  const direct = stream.subscribe();
  const piped = stream.pipe(map((value) => value)).subscribe();
  assert.is(source.observed, true);
  direct.unsubscribe();
  piped.unsubscribe();
  assert.is(source.observed, false);
});

test('hands what its subscribe function throws to the error handler, or reports it', async () => {
  const reported: unknown[] = [];
  const stream = new IsolatedObservable<number>((error) => void reported.push(error), fail);
  const handled = record(stream);
  assert.is((handled.ending as { error: unknown }).error, failure);
  assert.equal(reported, []);
  stream.subscribe();
  stream.pipe(switchMap(() => EMPTY)).subscribe();
  await timersHaveFired();
  assert.is(reported.length, 2);
});

test.run();
