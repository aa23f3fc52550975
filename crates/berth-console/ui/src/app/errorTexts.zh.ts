import type { ErrorWords } from './errorTexts';
import type { Translated } from './texts';

const zh: Translated<ErrorWords> = {
  busy: '镜像仓库当前繁忙，请稍后重试。',
  full: '镜像仓库的存储空间已满，请管理员清理空间。',
  denied: '您没有执行此操作的权限。',
};

export default zh;
