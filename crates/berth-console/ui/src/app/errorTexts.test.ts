import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { ApiError } from '../api/errors';
import { errorTexts, explain, explainedCodes } from './errorTexts';
import zh from './errorTexts.zh';
import { setLanguage } from './language';

/** What the server publishes: `("4000055", "meaning")`, on one line or on two. */
const source = readFileSync('../../berth-server/src/manage/error/published.rs', 'utf8');
const published = [...source.matchAll(/\(\s*"((?:SVCSTG\.|APIGW\.)?[A-Z0-9.]+)",\s*"/g)].map((match) => match[1] ?? '');

afterEach(() => setLanguage('en'));

test.each(published)('the published code %s is explained in both languages', (code) => {
  expect(explainedCodes.includes(code) || explainedCodes.includes(code.slice(code.lastIndexOf('.') + 1))).toBe(true);
});

test('Chinese explains what English explains', () => {
  expect(Object.keys(zh.codes)).toEqual(explainedCodes);
  expect(published.length).toBeGreaterThan(50);
});

test.each([
  ['SVCSTG.SWR.4060074', 'the organization has images', 'The organization still holds images. Delete them first.', '组织中还有镜像，请先删除镜像。'],
  ['SVCSTG.SWR.4000014', 'name is too long', 'name is too long', '参数不符合要求：name is too long'],
  ['IAM.0011', 'the original password is wrong', 'the original password is wrong', '原密码错误。'],
  ['IAM.0001', 'whatever', 'The account, the user name or the password is wrong.', '账号、用户名或密码错误。'],
  ['SVCSTG.SWR.9999999', 'a new rule', 'a new rule', 'a new rule'],
])('%s is told', async (code, message, english, chinese) => {
  const error = new ApiError(400, code, message, 'id');
  expect(explain(error)).toBe(english);
  setLanguage('zh');
  await errorTexts.load();
  expect(explain(error)).toBe(chinese);
});

test('who has to wait is told for how long', () => {
  const locked = (retryAfter: number) => explain(new ApiError(401, 'APIGW.0301', 'locked', '', { retryAfter }));
  expect(locked(20)).toContain('Try again in 20 seconds.');
  expect(locked(300)).toContain('Try again in 5 minutes.');
});
