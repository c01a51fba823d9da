"""Names of things that a credit bureau must not collect, in English, Chinese and pinyin (R2, R3).

The set of events is closed, so a field for a citizen's religion is refused as unknown anyway. This list makes
the refusal say why, and catches names inside a correction's `fields`. A name is "named or shaped as" a topic
when

- its words hold one of the topic's words: it is cut at underscores, hyphens, digits and capitals, in lower
  case and with plural endings taken off, so `Religions2`, `isReligious_flag` and `patientReligion` are all
  religion;
- its words hold a phrase: `blood_type`, `bloodType` and `bloodtype` are one;
- it holds a Chinese word (宗教信仰, also in traditional characters) or its pinyin (`zongjiao`, `xue_xing`);
- it holds a long English or pinyin word inside other letters (`patientreligion`).

    >>> sensitive_topic("blood_type")
    Topic(rule='R2', topic='blood type', article='Decree 631 art. 14 (1)')

Short words count only between cuts, or `contrast` would be a race.

Source: Decree 631 of the State Council, article 14. Paragraph 1 forbids religion, genes, fingerprints, blood
type, illness and history of it, and what other law forbids (PIPL art. 28, GDPR art. 9, ECOA Regulation B, 12
CFR 1002.6); paragraph 2 income, deposits, securities, commercial insurance, real property and tax paid.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

NAME_CHARS_MAX: Final = 256  # longer names are judged by their beginning


class Topic(NamedTuple):
    """A forbidden topic: the rule (R2 or R3), its name, and the article that forbids it."""

    rule: str
    topic: str
    article: str


class _Words(NamedTuple):
    topic: Topic
    english: str  # words, and phrases joined by _
    chinese: str
    pinyin: str  # joined syllables


_ART_14_1: Final = "Decree 631 art. 14 (1)"
_ART_14_2: Final = "Decree 631 art. 14 (2)"


def _r2(topic: str, also: str = "") -> Topic:
    return Topic("R2", topic, f"{_ART_14_1}, {also}" if also else _ART_14_1)


def _r3(topic: str) -> Topic:
    return Topic("R3", topic, _ART_14_2)


_TOPICS: Final = (
    _Words(
        _r2("religion"),
        "religion religious faith belief church mosque temple baptism creed muslim christian buddhist hindu "
        "jewish islam denomination",
        "宗教 信仰 教派 教会 教會",
        "zongjiao xinyang zongjiaoxinyang jiaopai jiaohui",
    ),
    _Words(
        _r2("ethnicity", "GDPR art. 9"),
        "ethnicity ethnic race racial nationality tribe caste skin_colour skin_color ancestry "
        "national_origin minority hukou",
        "民族 种族 種族 族裔 籍贯 籍貫 国籍 國籍 户籍 戶籍 肤色 膚色",
        "minzu zhongzu zuyi jiguan guoji huji fuse",
    ),
    _Words(
        _r2("genes"),
        "gene genetic genome genomic genotype dna chromosome hereditary",
        "基因 遗传 遺傳 染色体 染色體",
        "jiyin yichuan ranseti",
    ),
    _Words(
        _r2("fingerprints"),
        "fingerprint thumbprint palmprint palm_print finger_print",
        "指纹 指紋 掌纹 掌紋",
        "zhiwen zhangwen",
    ),
    _Words(_r2("blood type"), "blood blood_type blood_group bloodtype rhesus", "血型", "xuexing"),
    _Words(
        _r2("health"),
        "health healthcare illness disease diagnosis diagnoses medical medicine medication patient "
        "hospital clinic doctor prescription "
        "disability disabled handicap pregnant pregnancy vaccine vaccination vaccinated hiv aids "
        "mental_health psychiatric therapy surgery allergy sickness sick_leave cancer symptom",
        "健康 疾病 病史 病历 病歷 医疗 醫療 残疾 殘疾 怀孕 懷孕 医院 醫院 诊断 診斷 疫苗 "
        "用药 用藥 体检 體檢 患者",
        "jiankang jibing bingshi bingli yiliao canji huaiyun yiyuan zhenduan yimiao yongyao tijian",
    ),
    _Words(
        _r2("politics", "GDPR art. 9"),
        "politics political politician party_member party_membership political_party partisan vote voter "
        "voting ideology opinion protest petition communist republican democrat",
        "政治 党员 黨員 党派 黨派 政见 政見 投票 选举 選舉 上访 上訪",
        "zhengzhi dangyuan dangpai zhengjian toupiao xuanju shangfang zhengzhimianmao",
    ),
    _Words(
        _r2("trade unions", "GDPR art. 9"),
        "union trade_union labor_union labour_union unionist unionized strike striker",
        "工会 工會 罢工 罷工",
        "gonghui bagong",
    ),
    _Words(
        _r2("biometrics", "PIPL art. 28"),
        "biometric biometry face facial faceprint iris retina retinal voiceprint voice gait heartbeat "
        "face_id",
        "生物识别 生物識別 生物特征 生物特徵 人脸 人臉 面部 虹膜 声纹 聲紋 步态 步態",
        "shengwushibie shengwutezheng renlian mianbu hongmo shengwen butai",
    ),
    _Words(
        _r2("sex", "12 CFR 1002.6"),
        "sex sexual sexuality gender male female transgender homosexual heterosexual lgbt lgbtq lesbian "
        "bisexual",
        "性别 性別 性取向 性生活 同性恋 同性戀",
        "xingbie xingquxiang xingshenghuo tongxinglian",
    ),
    _Words(
        _r2("marital status", "12 CFR 1002.6"),
        "marital marriage married unmarried divorce divorced divorcee widow widowed widower spouse husband "
        "wife fiance",
        "婚姻 婚否 已婚 未婚 离婚 離婚 配偶 丈夫 妻子 结婚 結婚",
        "hunyin hunfou yihun weihun lihun peiou zhangfu qizi jiehun",
    ),
    _Words(
        _r2("purchases", "EU AI Act art. 5 (1) (c)"),
        "purchase purchased shopping merchant basket item_bought goods sku product_name browsing "
        "browser_history search_history cookie clickstream game gaming",
        "购物 購物 购买 購買 消费记录 消費記錄 商户 商戶 商品 浏览 瀏覽 搜索记录 网购 網購",
        "gouwu goumai xiaofeijilu shanghu shangpin liulan sousuojilu wanggou",
    ),
    _Words(
        _r2("social graph", "EU AI Act art. 5 (1) (c)"),
        "social social_graph social_network social_media friend friendship follower following "
        "relative family kinship parent father mother "
        "child children sibling contact_list address_book phone_book call_log colleague neighbour neighbor "
        "wechat weibo facebook twitter tiktok instagram",
        "社交 好友 朋友 亲属 親屬 亲戚 親戚 家庭 家属 家屬 父母 子女 通讯录 通訊錄 人际 "
        "人際 微信 微博 邻居 鄰居 同事",
        "shejiao haoyou pengyou qinshu qinqi jiating jiashu fumu zinv tongxunlu renji weixin linju tongshi",
    ),
    _Words(
        _r2("location", "PIPL art. 28"),
        "location gps geolocation geo latitude longitude lat lon lng whereabouts trajectory itinerary "
        "home_address coordinates coordinate geohash cell_tower travel trip wifi ip_address address "
        "residence postcode zip_code zipcode",
        "位置 定位 行踪 行蹤 轨迹 軌跡 经度 經度 纬度 緯度 地址 住址 坐标 座標 出行",
        "weizhi dingwei xingzong guiji jingdu weidu dizhi zhuzhi zuobiao chuxing",
    ),
    _Words(
        _r3("income"),
        "income salary wage earning earnings payroll pay_slip payslip bonus pension revenue remuneration "
        "stipend net_worth wealth",
        "收入 工资 工資 薪水 薪资 薪資 薪酬 奖金 獎金 养老金 養老金 年薪",
        "shouru gongzi xinshui xinzi xinchou jiangjin yanglaojin nianxin",
    ),
    _Words(
        _r3("deposits"),
        "deposit saving savings cash_balance bank_balance asset alipay_balance",
        "存款 储蓄 儲蓄 银行余额 銀行餘額 资产 資產",
        "cunkuan chuxu yinhangyue zichan",
    ),
    _Words(
        _r3("securities"),
        "security securities stock bond equity equities mutual_fund fund portfolio brokerage shareholding "
        "shares dividend investment crypto bitcoin",
        "证券 證券 股票 债券 債券 基金 投资 投資 股权 股權 理财 理財",
        "zhengquan gupiao zhaiquan jijin touzi guquan licai",
    ),
    _Words(
        _r3("commercial insurance"),
        "insurance insured insurer policyholder life_insurance",
        "保险 保險 保单 保單",
        "baoxian baodan",
    ),
    _Words(
        _r3("real property"),
        "property real_estate house housing apartment land homeowner home_owner home_value dwelling vehicle "
        "car_owner",
        "不动产 不動產 房产 房產 房屋 房地产 房地產 土地 住房 车辆 車輛",
        "budongchan fangchan fangwu fangdichan tudi zhufang cheliang",
    ),
    _Words(
        _r3("tax paid"),
        "tax taxes taxable tax_paid tax_amount taxation vat tax_return taxpayer",
        "纳税 納稅 税额 稅額 税款 稅款 税收 稅收 个税 個稅 个人所得税 所得稅",
        "nashui shuie shuikuan shuishou geshui gerensuodeshui",
    ),
)

_CUT: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_LONG: Final = 7  # from this many letters on, also inside other letters


def _singulars(word: str) -> set[str]:
    """The word and what it may be the plural of: religions, diagnoses, securities."""
    forms = {word}
    if word.endswith("ies"):
        forms.add(word[:-3] + "y")
    if word.endswith("es"):
        forms.add(word[:-2])
    if word.endswith("s") and not word.endswith("ss"):
        forms.add(word[:-1])
    return forms


def _tables() -> tuple[dict[str, Topic], dict[str, Topic], dict[str, Topic]]:
    """(English words and joined phrases, Chinese words, pinyin) -> topic."""
    english: dict[str, Topic] = {}
    chinese: dict[str, Topic] = {}
    pinyin: dict[str, Topic] = {}
    for words in _TOPICS:
        english.update(dict.fromkeys(words.english.replace("_", "").split(), words.topic))
        chinese.update(dict.fromkeys(words.chinese.split(), words.topic))
        pinyin.update(dict.fromkeys(words.pinyin.split(), words.topic))
    return english, chinese, pinyin


_ENGLISH, _CHINESE, _PINYIN = _tables()
_WHOLE: Final = {**_PINYIN, **_ENGLISH}
_INSIDE: Final = {word: topic for word, topic in _WHOLE.items() if len(word) >= _LONG}
_RUN_MAX: Final = 4  # words or syllables of the longest phrase that is looked up


@lru_cache(maxsize=4096)
def sensitive_topic(field_name: str) -> Topic | None:
    """The forbidden topic that a field's name names or is shaped as, or None. Any text may be asked about."""
    name = unicodedata.normalize("NFKC", field_name[:NAME_CHARS_MAX])
    for chinese, topic in _CHINESE.items():
        if chinese in name:
            return topic
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    words = [word.lower() for word in _CUT.findall(plain)]
    for length in range(_RUN_MAX, 0, -1):  # phrases before words: an address book is no address
        for start in range(len(words) - length + 1):
            for form in _singulars("".join(words[start : start + length])):
                if form in _WHOLE:
                    return _WHOLE[form]
    joined = "".join(words)
    return next((topic for word, topic in _INSIDE.items() if word in joined), None)
