import type { Translated } from '../../app/texts';
import type { SignInWords } from './texts';

const zh: Translated<SignInWords> = {
  locked: '失败次数过多。',
  programmatic: '该用户仅有编程访问权限，不能登录控制台。账号管理员可以修改其访问方式。',
  capsLock: '大写锁定已打开',
  with: (provider) => `使用 ${provider} 登录`,
  or: '或使用密码',
  refused: {
    refused: '登录未成功：登录不是在此浏览器中开始的、用时过长，或身份提供方未确认您的身份。请重新登录。',
    access: '您不能在此登录：您仅有编程访问权限，或已被停用。账号管理员可以修改。',
    unavailable: '身份提供方目前无法正常响应，请稍后重试。',
    failed: '登录失败。管理员可以在服务器日志中查看原因。',
  },
};

export default zh;
