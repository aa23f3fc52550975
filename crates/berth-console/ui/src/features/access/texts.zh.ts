import type { Translated } from '../../app/texts';
import type { AccessWords } from './texts';

const zh: Translated<AccessWords> = {
  once: {
    title: '请立即保存私有访问密钥',
    help: '私有访问密钥（SK）仅显示这一次，丢失后只能新建密钥。',
    access: '访问密钥 ID（AK）',
    secret: '私有访问密钥（SK）',
    download: '下载 CSV',
  },
};

export default zh;
