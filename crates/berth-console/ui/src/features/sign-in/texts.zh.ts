import type { Translated } from '../../app/texts';
import type { SignInWords } from './texts';

const zh: Translated<SignInWords> = {
  locked: '失败次数过多。',
  programmatic: '该用户仅有编程访问权限，不能登录控制台。账号管理员可以修改其访问方式。',
  capsLock: '大写锁定已打开',
};

export default zh;
