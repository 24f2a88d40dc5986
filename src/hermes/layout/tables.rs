//! The tables: which opcodes each bytecode version has, in order, and their operands.
//!
//! Facts of `BytecodeList.def` and `BytecodeVersion.h` at the commits and branches of each version
//! (github.com/facebook/hermes), in a notation of their own. A line of a full table is `OPERANDS: NAMES`; the opcodes
//! of all lines are numbered from 0. Where every opcode of a line has a wider twin right behind it, the line is
//! `OPERANDS +SUFFIX OPERANDS: NAMES`. A change names an opcode of the table that it changes: `after NAME LINE` inserts, `drop NAMES` removes,
//! `set LINE` lays the named opcodes out anew.
//!
//! | operand | what it is |
//! |---|---|
//! | `r` `R` | register, 1 and 4 bytes |
//! | `j` `J` | jump, 1 and 4 bytes |
//! | `d` | double |
//! | `i` `s` `f` `b` `x` | immediate, string, function, bigint, regexp, each with its width |
//! | `h` `k` `v` `a` | shape, key buffer, value buffer, array buffer |
//! | `n` `c` `e` `m` | count, cache, slot, module |
//! | `t` `l` `g` `q` `u` | jump table, its lowest and its highest case; string switch: index, table |

use super::{Kind, Layout};

/// One table and the versions that use it.
pub(super) struct Table {
    /// The bytecode versions that were released with it.
    pub released: &'static [u32],
    /// The bytecode versions that had it for a while between releases.
    pub passing: &'static [u32],
    /// The index in [`TABLES`] of the table that `text` changes; none where `text` is a full table.
    pub base: Option<usize>,
    /// The table or the change, as above.
    pub text: &'static str,
}

/// Every table. The order is part of the wire form: new ones go to the end.
#[rustfmt::skip]
pub(super) const TABLES: &[Table] = &[
    // React Native 0.64 to 0.68; development builds of 85 and 86.
    Table { released: &[84], passing: &[85, 86], base: None, text: HBC84 },
    // React Native 0.69.
    Table { released: &[85], passing: &[86], base: Some(0), text: "after BitOr rr: Inc Dec" },
    // React Native 0.70 (89) and 0.71 (90).
    Table { released: &[89, 90], passing: &[87, 88, 91, 93], base: Some(1), text: "\
after LoadConstDouble rb2 +LongIndex rb4: LoadConstBigInt
after ToNumber rr: ToNumeric" },
    // React Native 0.72 (94).
    Table { released: &[94], passing: &[92], base: Some(2), text: "\
after CreateEnvironment rrn4: CreateInnerEnvironment
after DeclareGlobalVar s4: ThrowIfHasRestrictedGlobalProperty" },
    // React Native 0.73 and later (96).
    Table { released: &[96], passing: &[95], base: Some(3), text: "set rri1: DirectEval" },
    // Hermes V1 before its first release.
    Table { released: &[], passing: &[97], base: Some(4), text: HBC97 },
    Table { released: &[], passing: &[97], base: Some(5), text: "\
after IteratorClose rr: TypedLoadParent TypedStoreParent" },
    // Hermes V1 as released, branch 250829098.
    Table { released: &[98], passing: &[], base: None, text: HBC98 },
    // Hermes V1 between its releases.
    Table { released: &[], passing: &[98], base: Some(7), text: "after ToInt32 rr: ToUint32" },
    Table { released: &[], passing: &[98, 99], base: Some(8), text: "drop CacheNewObject" },
    // Hermes V1 as released, branch 260318099.
    Table { released: &[99], passing: &[], base: Some(9), text: "\
after NewObjectWithBufferAndParent rrh4v4i1: NewTypedObjectWithBuffer" },
    // Its development branch, from April 2026.
    Table { released: &[], passing: &[99], base: Some(10), text: "set rrn2: NewFastArray" },
];

/// Table `index`, or `None` where there is none.
pub(super) fn table(index: usize) -> Option<Layout> {
    let opcodes = opcodes(index)?;
    let mut layout = Layout::default();
    opcodes.iter().all(|(_, operands)| layout.push(operands)).then_some(layout)
}

type Opcode = (String, Vec<(Kind, u8)>);

/// The named opcodes of table `index`.
pub(super) fn opcodes(index: usize) -> Option<Vec<Opcode>> {
    let table = TABLES.get(index)?;
    // A base always precedes, so this ends.
    let Some(base) = table.base.filter(|&base| base < index) else {
        return table.text.lines().map(line).collect::<Option<Vec<_>>>().map(|lines| lines.concat());
    };
    let mut all = opcodes(base)?;
    let place = |all: &[Opcode], name: &str| all.iter().position(|(other, _)| other == name);
    for change in table.text.lines() {
        let (word, rest) = change.split_once(' ')?;
        match word {
            "drop" => all.retain(|(name, _)| !rest.split(' ').any(|dropped| dropped == name)),
            "after" => {
                let (anchor, rest) = rest.split_once(' ')?;
                let at = place(&all, anchor)? + 1;
                all.splice(at..at, line(rest)?);
            }
            _ => {
                for (name, operands) in line(rest)? {
                    let at = place(&all, &name)?;
                    all[at].1 = operands;
                }
            }
        }
    }
    Some(all)
}

/// The opcodes of `OPERANDS: NAMES` or `OPERANDS +SUFFIX OPERANDS: NAMES`.
fn line(text: &str) -> Option<Vec<Opcode>> {
    let (head, names) = text.split_once(": ")?;
    let mut head = head.split(' ');
    let operands = signature(head.next()?)?;
    let wide = head.next().map(|suffix| suffix.trim_start_matches('+')).zip(head.next());
    let mut opcodes = Vec::new();
    for name in names.split(' ') {
        opcodes.push((name.to_owned(), operands.clone()));
        if let Some((suffix, wide)) = wide {
            opcodes.push((format!("{name}{suffix}"), signature(wide)?));
        }
    }
    Some(opcodes)
}

/// The operands that letters and widths name; `-` for none.
fn signature(text: &str) -> Option<Vec<(Kind, u8)>> {
    let mut letters = text.bytes().filter(|&letter| letter != b'-');
    let mut operands = Vec::new();
    while let Some(letter) = letters.next() {
        let mut wide = |kind| letters.next().map(|digit| (kind, digit.wrapping_sub(b'0')));
        operands.push(match letter {
            b'r' => (Kind::Register, 1),
            b'R' => (Kind::Register, 4),
            b'j' => (Kind::Jump, 1),
            b'J' => (Kind::Jump, 4),
            b'd' => (Kind::Double, 8),
            b'i' => wide(Kind::Immediate)?,
            b's' => wide(Kind::String)?,
            b'f' => wide(Kind::Function)?,
            b'b' => wide(Kind::BigInt)?,
            b'x' => wide(Kind::RegExp)?,
            b'h' => wide(Kind::Shape)?,
            b'k' => wide(Kind::KeyBuffer)?,
            b'v' => wide(Kind::ValueBuffer)?,
            b'a' => wide(Kind::ArrayBuffer)?,
            b'n' => wide(Kind::Count)?,
            b'c' => wide(Kind::Cache)?,
            b'e' => wide(Kind::Slot)?,
            b'm' => wide(Kind::Module)?,
            b't' => wide(Kind::JumpTable)?,
            b'l' => wide(Kind::CaseLow)?,
            b'g' => wide(Kind::CaseHigh)?,
            b'q' => wide(Kind::SwitchIndex)?,
            b'u' => wide(Kind::StringTable)?,
            _ => return None,
        });
    }
    Some(operands)
}

#[rustfmt::skip]
const HBC84: &str = "\
-: Unreachable
rn2n2k2v2 +Long rn2n2k4v4: NewObjectWithBuffer
r: NewObject
rr: NewObjectWithParent
rn2n2a2 +Long rn2n2a4: NewArrayWithBuffer
rn2: NewArray
rr +Long RR: Mov
rr: Negate Not BitNot TypeOf
rrr: Eq StrictEq Neq StrictNeq Less LessEq Greater GreaterEq Add AddN Mul MulN Div DivN Mod Sub SubN LShift RShift \
    URshift BitAnd BitXor BitOr InstanceOf IsIn
ri1: GetEnvironment
re1r +L re2r: StoreToEnvironment StoreNPToEnvironment
rre1 +L rre2: LoadFromEnvironment
r: GetGlobalObject GetNewTarget CreateEnvironment
s4: DeclareGlobalVar
rrc1s1: GetByIdShort
rrc1s2 +Long rrc1s4: GetById TryGetById PutById TryPutById
rrs1: PutNewOwnByIdShort
rrs2 +Long rrs4: PutNewOwnById PutNewOwnNEById
rri1 +L rri4: PutOwnByIndex
rrri1: PutOwnByVal
rrs2 +Long rrs4: DelById
rrr: GetByVal PutByVal DelByVal
rrrri1: PutOwnGetterSetterByVal
rrrr: GetPNameList
rrrrr: GetNextPName
rrn1: Call Construct
rrr: Call1
rn1f2: CallDirect
rrrr: Call2
rrrrr: Call3
rrrrrr: Call4
rrn4: CallLong ConstructLong
rn1f4: CallDirectLongIndex
ri1n1 +Long ri1n4: CallBuiltin
ri1: GetBuiltinClosure
r: Ret Catch
rr: DirectEval
r: Throw
rr: ThrowIfEmpty
-: Debugger AsyncBreakCheck
i2: ProfilePoint
rrf2 +LongIndex rrf4: CreateClosure CreateGeneratorClosure CreateAsyncClosure
rrr: CreateThis SelectObject
ri1 +Long ri4: LoadParam
ri1: LoadConstUInt8
ri4: LoadConstInt
rd: LoadConstDouble
rs2 +LongIndex rs4: LoadConstString
r: LoadConstEmpty LoadConstUndefined LoadConstNull LoadConstTrue LoadConstFalse LoadConstZero
rr: CoerceThisNS
r: LoadThisNS
rr: ToNumber ToInt32 AddEmptyString
rrr: GetArgumentsPropByVal
rr: GetArgumentsLength
r: ReifyArguments
rs4s4x4: CreateRegExp
rt4Jl4g4: SwitchImm
-: StartGenerator
rr: ResumeGenerator
-: CompleteGenerator
rrf2 +LongIndex rrf4: CreateGenerator
rr: IteratorBegin
rrr: IteratorNext
ri1: IteratorClose
j +Long J: Jmp
jr +Long Jr: JmpTrue JmpFalse JmpUndefined
j +Long J: SaveGenerator
jrr +Long Jrr: JLess JNotLess JLessN JNotLessN JLessEqual JNotLessEqual JLessEqualN JNotLessEqualN JGreater \
    JNotGreater JGreaterN JNotGreaterN JGreaterEqual JNotGreaterEqual JGreaterEqualN JNotGreaterEqualN JEqual \
    JNotEqual JStrictEqual JStrictNotEqual";

const HBC97: &str = "\
set rh2v2 +Long rh4v4: NewObjectWithBuffer
set rn2n2v2 +Long rn2n2v4: NewArrayWithBuffer
after AddN rrr: AddS
drop GetEnvironment
after IsIn ri1: GetParentEnvironment
after GetParentEnvironment rri1: GetEnvironment
after GetEnvironment rr: GetClosureEnvironment
drop CreateEnvironment CreateInnerEnvironment
after GetNewTarget rn1: CreateFunctionEnvironment
after CreateFunctionEnvironment rn4: CreateTopLevelEnvironment
after CreateTopLevelEnvironment rrn4: CreateEnvironment
drop ThrowIfHasRestrictedGlobalProperty
drop PutById PutByIdLong TryPutById TryPutByIdLong
after TryGetByIdLong rrc1s2: PutByIdLoose PutByIdStrict
after PutByIdStrict rrc1s4: PutByIdLooseLong PutByIdStrictLong
after PutByIdStrictLong rrc1s2: TryPutByIdLoose TryPutByIdStrict
after TryPutByIdStrict rrc1s4: TryPutByIdLooseLong TryPutByIdStrictLong
after PutNewOwnByIdLong rre1 +Long rre4: PutOwnBySlotIdx
drop DelById DelByIdLong
after PutOwnByVal rrs2: DelByIdLoose DelByIdStrict
after DelByIdStrict rrs4: DelByIdLooseLong DelByIdStrictLong
drop PutByVal DelByVal
after GetByVal rri1: GetByIndex
after GetByIndex rrr: PutByValLoose PutByValStrict DelByValLoose DelByValStrict
drop CallDirect
after Call1 rrrn1: CallWithNewTarget
drop CallLong ConstructLong CallDirectLongIndex
after Call4 rrrr: CallWithNewTargetLong
drop CreateGeneratorClosure CreateGeneratorClosureLongIndex CreateAsyncClosure CreateAsyncClosureLongIndex
drop GetArgumentsPropByVal
after AddEmptyString rrr: GetArgumentsPropByValLoose GetArgumentsPropByValStrict
drop ReifyArguments
after GetArgumentsLength r: ReifyArgumentsStrict ReifyArgumentsLoose
drop StartGenerator ResumeGenerator CompleteGenerator
drop SaveGenerator SaveGeneratorLong";

const HBC98: &str = "\
-: Unreachable
rh2v2 +Long rh4v4: NewObjectWithBuffer
rrh4v4: NewObjectWithBufferAndParent
r: NewObject
rr: NewObjectWithParent
rn2n2v2 +Long rn2n2v4: NewArrayWithBuffer
rn2: NewArray NewFastArray
rr: FastArrayLength
rrr: FastArrayLoad FastArrayStore
rr: FastArrayPush FastArrayAppend
rrh4c1: CacheNewObject
rr +Long RR: Mov
rr: Negate Not BitNot TypeOf
rrr: Eq StrictEq Neq StrictNeq Less LessEq Greater GreaterEq Add AddN AddS Mul MulN Div DivN Mod Sub SubN LShift \
    RShift URshift BitAnd BitXor BitOr
rr: Inc Dec
rrr: InstanceOf IsIn
rrrr: PrivateIsIn
rri2: TypeOfIs
ri1: GetParentEnvironment
rri1: GetEnvironment
rr: GetClosureEnvironment
re1r +L re2r: StoreToEnvironment StoreNPToEnvironment
rre1 +L rre2: LoadFromEnvironment
r: GetGlobalObject GetNewTarget
rr: LoadParentNoTraps
rn1: CreateFunctionEnvironment
rn4: CreateTopLevelEnvironment
rrn4: CreateEnvironment
s4: DeclareGlobalVar
rrc1s1: GetByIdShort
rrc1s2 +Long rrc1s4: GetById
rrc1rs4: GetByIdWithReceiverLong
rrc1s2 +Long rrc1s4: TryGetById
rrc1s2: PutByIdLoose PutByIdStrict
rrc1s4: PutByIdLooseLong PutByIdStrictLong
rrc1s2: TryPutByIdLoose TryPutByIdStrict
rrc1s4: TryPutByIdLooseLong TryPutByIdStrictLong
rre1 +Long rre4: PutOwnBySlotIdx GetOwnBySlotIdx
rrc1s2 +Long rrc1s4: DefineOwnById
rri1 +L rri4: DefineOwnByIndex
rri1 +L rri2: DefineOwnInDenseArray
rrri1: DefineOwnByVal
rrr: GetByVal
rri1: GetByIndex
rrrr: GetByValWithReceiver
rrr: PutByValLoose PutByValStrict
rrrri1: PutByValWithReceiver
rrri1: DelByVal
rrr: AddOwnPrivateBySym
rrc1r: GetOwnPrivateBySym PutOwnPrivateBySym
rrrri1: DefineOwnGetterSetterByVal
rrrr: GetPNameList
rrrrr: GetNextPName
rrn1: Call Construct
rrr: Call1
rrrn1: CallWithNewTarget
rrrr: Call2
rrrrr: Call3
rrrrrr: Call4
rrrr: CallWithNewTargetLong
rrm4: CallRequire
ri1n1 +Long ri1n4: CallBuiltin
ri1: GetBuiltinClosure
r: Ret Catch
rri1: DirectEval
r: Throw
rr: ThrowIfEmpty ThrowIfUndefined
r: ThrowIfThisInitialized
-: Debugger AsyncBreakCheck
i2: ProfilePoint
rrrf2 +LongIndex rrrf4: CreateBaseClass
rrrrf2 +LongIndex rrrrf4: CreateDerivedClass
rrf2 +LongIndex rrf4: CreateClosure
rrc1: CreateThisForNew
rrrc1: CreateThisForSuper
rrr: SelectObject
ri1 +Long ri4: LoadParam
ri1: LoadConstUInt8
ri4: LoadConstInt
rd: LoadConstDouble
rb2 +LongIndex rb4: LoadConstBigInt
rs2 +LongIndex rs4: LoadConstString
r: LoadConstEmpty LoadConstUndefined LoadConstNull LoadConstTrue LoadConstFalse LoadConstZero
rr: CoerceThisNS
r: LoadThisNS
rr: ToNumber ToNumeric ToInt32 AddEmptyString
rs4: CreatePrivateName
rrr: GetArgumentsPropByValLoose GetArgumentsPropByValStrict
rr: GetArgumentsLength
r: ReifyArgumentsStrict ReifyArgumentsLoose
rr: ToPropertyKey
rs4s4x4: CreateRegExp
rt4Jl4g4: UIntSwitchImm
rq4u4Jn4: StringSwitchImm
rrf2 +LongIndex rrf4: CreateGenerator
rr: IteratorBegin
rrr: IteratorNext
ri1: IteratorClose
rr: TypedLoadParent
j +Long J: Jmp
jr +Long Jr: JmpTrue JmpFalse JmpUndefined
Jri2: JmpTypeOfIs
jrr +Long Jrr: JLess JNotLess JLessN JNotLessN JLessEqual JNotLessEqual JLessEqualN JNotLessEqualN JGreater \
    JNotGreater JGreaterEqual JNotGreaterEqual JEqual JNotEqual JStrictEqual JStrictNotEqual
ji1r +Long Ji1r: JmpBuiltinIs JmpBuiltinIsNot";
