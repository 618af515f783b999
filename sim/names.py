"""Names for the people of a scenario: Chinese and English, the same for the same seed."""

from __future__ import annotations

import numpy as np

# surname and given name, each as written and as it stands in an id
_SURNAMES = (
    "王 wang,李 li,张 zhang,刘 liu,陈 chen,杨 yang,黄 huang,赵 zhao,吴 wu,周 zhou,徐 xu,孙 sun,马 ma,朱 zhu,胡 hu,郭 guo,"
    "何 he,林 lin,高 gao,罗 luo,郑 zheng,梁 liang,谢 xie,宋 song,唐 tang,许 xu,韩 han,冯 feng,邓 deng,曹 cao"
)
_GIVEN = (
    "伟 wei,芳 fang,娜 na,敏 min,静 jing,丽 li,强 qiang,磊 lei,洋 yang,艳 yan,勇 yong,军 jun,杰 jie,娟 juan,涛 tao,超 chao,"
    "霞 xia,鹏 peng,晓雨 xiaoyu,子涵 zihan,欣怡 xinyi,浩然 haoran,思琪 siqi,雨桐 yutong,俊熙 junxi,梦瑶 mengyao,"
    "佳怡 jiayi,天宇 tianyu,若曦 ruoxi,嘉豪 jiahao,诗涵 shihan,明轩 mingxuan"
)
_FIRST = (
    "Amy Ben Carol Daniel Emma Frank Grace Henry Iris Jack Karen Leo Mia Nathan Olivia Peter Queenie Robert Sophie Tom "
    "Uma Victor Wendy Xavier Yvonne Zoe Alice Brian Chloe David"
)
_LAST = (
    "Adams Baker Clark Davies Evans Foster Green Hughes Irving Jones King Lewis Morgan Nolan Owens Parker Quinn Reed "
    "Shaw Turner Underwood Vance Walker Young"
)


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(written, latin) for written, latin in (entry.split() for entry in text.split(","))]


CHINESE = [
    (surname + given, f"{latin}.{given_latin}")
    for surname, latin in _pairs(_SURNAMES)
    for given, given_latin in _pairs(_GIVEN)
]
ENGLISH = [(f"{first} {last}", f"{first}.{last}".lower()) for first in _FIRST.split() for last in _LAST.split()]


def people(
    draws: np.random.Generator, n: int, chinese: float = 0.8, seen: dict[str, int] | None = None
) -> list[tuple[str, str]]:
    """``n`` (name, id) pairs, ids unique and in Latin letters; about this share of them Chinese.

    ``seen``: ids that are taken already, and how often; kept up. One more name changes none before it.
    """
    seen = {} if seen is None else seen
    named = []
    for is_chinese, place in draws.random((n, 2)).tolist():
        pool = CHINESE if is_chinese < chinese else ENGLISH
        name, agent = pool[int(place * len(pool))]
        seen[agent] = seen.get(agent, 0) + 1
        named.append((name, agent if seen[agent] == 1 else f"{agent}{seen[agent]}"))
    return named
